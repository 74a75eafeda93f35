"""The list of tasks: a window on it, each with what a list says of a task."""

import sqlite3
from collections.abc import Iterable, Sequence

from core.events import Confirmation, Experiment, Outcome, Verdict, WinnerConfirmed
from core.store.queries import Query, read_identity, understood
from core.store.rows import Page, TaskSort, TaskState, TaskSummary

_ORDER: dict[TaskSort, str] = {
    "created": "id {way}",
    "name": "name {way}, run {way}",
    "engine": "engine {way}, id",
    "model": "model {way}, id",
    "state": "state {way}, id",
}

_PINNED = "(source = '' AND json_extract(document, '$.expect.value') IS NOT NULL)"

_COLUMNS = (
    "id, name, run, engine, model, state, runner, simulated, created_at, began_at, ended_at, spent,"
    f" planned, remaining, eta, {_PINNED}, best"
)

_MATCHES = "instr(lower(name || ' ' || engine || ' ' || model || ' ' || state), lower(?)) > 0"


async def read_summaries(
    query: Query,
    matching: str,
    *,
    verifications: bool,
    sort: TaskSort,
    descending: bool,
    limit: int,
    offset: int,
) -> Page[TaskSummary]:
    """Return a window on the tasks whose name, engine, model or state contain `matching`.

    Args:
        verifications: whether those are among them that are over and only measured an old result.
    """
    order = _ORDER[sort].format(way="DESC" if descending else "ASC")
    wanted = _MATCHES if verifications else f"{_MATCHES} AND NOT (state = 'finished' AND {_PINNED})"
    [(total,)] = await query(f"SELECT count(*) FROM task WHERE {wanted}", (matching,))
    found = await query(
        f"SELECT {_COLUMNS} FROM task WHERE {wanted} ORDER BY {order} LIMIT ? OFFSET ?",
        (matching, limit, offset),
    )
    return Page(await _summaries(query, found), total)


async def read_summary(query: Query, task_id: int) -> TaskSummary | None:
    """Return what a list says of one task."""
    found = await query(f"SELECT {_COLUMNS} FROM task WHERE id = ?", (task_id,))
    return next(iter(await _summaries(query, found)), None)


async def _summaries(query: Query, found: Sequence[sqlite3.Row]) -> tuple[TaskSummary, ...]:
    if not found:
        return ()
    ids = ", ".join(str(row[0]) for row in found)
    outcomes = await query(
        "SELECT task, outcome, count(*) FROM experiment"
        f" WHERE task IN ({ids}) GROUP BY task, outcome"
    )
    leading = await query(
        "SELECT task, number, origin, record FROM task JOIN experiment"
        f" ON task = task.id AND number = best WHERE task.id IN ({ids})"
        " UNION SELECT task, number, origin, record FROM experiment INDEXED BY experiment_baseline"
        f" WHERE task IN ({ids}) AND origin = 'baseline' AND value IS NOT NULL"
        " ORDER BY number DESC"
    )
    told = await query(
        f"SELECT task, body FROM event WHERE task IN ({ids}) AND type = 'winner_confirmed'"
        " ORDER BY seq"
    )
    proved = {
        task: understood(WinnerConfirmed.model_validate_json, body).confirmation
        for task, body in told
    }
    return tuple(_summary(row, outcomes, leading, proved.get(row[0])) for row in found)


def _summary(
    row: sqlite3.Row,
    outcomes: Iterable[sqlite3.Row],
    leading: Iterable[sqlite3.Row],
    confirmation: Confirmation | None,
) -> TaskSummary:
    (number, name, run, engine, model, state, runner, simulated, *times_and_counts, best) = row
    created_at, began_at, ended_at, spent, planned, remaining, eta, pinned = times_and_counts
    verdicts: dict[int, Verdict | None] = {}
    baseline = None
    for task, experiment, origin, record in leading:
        if task == number:
            verdicts[experiment] = understood(Experiment.model_validate_json, record).verdict
            if origin == "baseline":
                baseline = verdicts[experiment]
    return TaskSummary(
        id=number,
        name=name,
        run=run,
        engine=engine,
        model=model,
        state=TaskState(state),
        runner=read_identity(runner),
        simulated=bool(simulated),
        created_at=created_at,
        began_at=began_at,
        ended_at=ended_at,
        spent=spent,
        planned=planned,
        remaining=remaining,
        eta=eta,
        outcomes={
            outcome and Outcome(outcome): count
            for task, outcome, count in outcomes
            if task == number
        },
        best=best,
        best_verdict=verdicts.get(best),
        baseline_verdict=baseline,
        confirmation=confirmation,
        pinned=bool(pinned),
    )
