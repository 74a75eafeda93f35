"""Appending to the history of a task, and keeping its rows at what the history amounts to.

Everything here runs inside a transaction of the caller's.
"""

from collections.abc import Iterable, Sequence

import aiosqlite

from core.events import (
    Event,
    Experiment,
    ExperimentJudged,
    LevelProgress,
    Outcome,
    Phase,
    PhaseBegan,
    RunBegan,
    RunEnded,
    RunState,
    SearchAdvanced,
    encode,
)
from core.store.masking import mask


async def append(
    connection: aiosqlite.Connection, task_id: int, state: RunState, events: Sequence[Event]
) -> None:
    """Take `events` into `state`, into the history and into the rows.

    Raises:
        ValueError: an event cannot follow what was said before.
    """
    changes = [state.apply(event) for event in events]
    await connection.executemany(
        "INSERT INTO event (task, experiment, type, body) VALUES (?, ?, ?, ?)",
        [
            (task_id, getattr(event, "experiment", None), event.type, mask(encode(event)))
            for event in events
        ],
    )
    if any(isinstance(event, LevelProgress) for event in events):
        await _keep_newest_progress(connection, task_id)
    for event in events:
        await _update_task(connection, task_id, event)
    changed = {experiment.number for experiment in changes if experiment is not None}
    await _write_experiments(connection, task_id, [state.experiments[n] for n in sorted(changed)])


async def last_event(connection: aiosqlite.Connection, task_id: int) -> int:
    """Return the number of the task's last event; 0 before the first."""
    [(last,)] = await connection.execute_fetchall(
        "SELECT coalesce(max(seq), 0) FROM event WHERE task = ?", (task_id,)
    )
    return int(last)


def closing_events(state: RunState, at: float) -> list[Event]:
    """Return what a runner that died at `at` did not live to say."""
    events: list[Event] = []
    for experiment in state.experiments.values():
        if experiment.phase is Phase.DONE:
            continue
        if experiment.outcome is None:
            events.append(
                ExperimentJudged(at=at, experiment=experiment.number, outcome=Outcome.INTERRUPTED)
            )
        events.append(
            PhaseBegan(
                at=at, experiment=experiment.number, phase=Phase.DONE, detail="its runner ended"
            )
        )
    if state.began is not None and state.ended is None:
        best = state.search.best if state.search else None
        events.append(
            RunEnded(
                at=at, state="interrupted", reason="its runner ended without a word", best=best
            )
        )
    return events


async def _keep_newest_progress(connection: aiosqlite.Connection, task_id: int) -> None:
    """Keep the newest of each experiment: several may be measured side by side."""
    await connection.execute(
        "DELETE FROM event WHERE task = :task AND type = 'level_progress' AND seq NOT IN "
        "(SELECT max(seq) FROM event WHERE task = :task AND type = 'level_progress'"
        " GROUP BY experiment)",
        {"task": task_id},
    )


async def _update_task(connection: aiosqlite.Connection, task_id: int, event: Event) -> None:
    match event:
        case RunBegan():
            await connection.execute(
                "UPDATE task SET state = 'running',"
                " spent = spent + coalesce(ended_at - began_at, 0), began_at = ?,"
                " ended_at = NULL, simulated = ?, planned = ?, eta = NULL WHERE id = ?",
                (event.at, event.simulated, event.planned, task_id),
            )
        case SearchAdvanced():
            await connection.execute(
                "UPDATE task SET best = ?, remaining = ?, eta = ? WHERE id = ?",
                (event.best, event.remaining, event.eta, task_id),
            )
        case RunEnded():
            await connection.execute(
                "UPDATE task SET state = ?, ended_at = ?, best = ?, eta = NULL, runner = NULL"
                " WHERE id = ?",
                (event.state, event.at, event.best, task_id),
            )


async def _write_experiments(
    connection: aiosqlite.Connection, task_id: int, experiments: Iterable[Experiment]
) -> None:
    await connection.executemany(
        "INSERT INTO experiment (task, number, origin, phase, outcome, feasible, value, score,"
        " violation, duration, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (task, number) DO UPDATE SET phase = excluded.phase,"
        " outcome = excluded.outcome, feasible = excluded.feasible, value = excluded.value,"
        " score = excluded.score, violation = excluded.violation, duration = excluded.duration,"
        " record = excluded.record",
        [_row(task_id, experiment) for experiment in experiments],
    )


def _row(task_id: int, experiment: Experiment) -> tuple[object, ...]:
    verdict, ended_at = experiment.verdict, experiment.ended_at
    return (
        task_id,
        experiment.number,
        experiment.origin,
        experiment.phase,
        experiment.outcome,
        verdict and verdict.feasible,
        verdict and verdict.value,
        verdict and verdict.score,
        verdict and verdict.violation,
        None if ended_at is None else ended_at - experiment.began_at,
        # The sub-rounds stand in the history, and are read from there when they are wanted.
        mask(experiment.model_dump_json(exclude={"sub_rounds"})),
    )
