"""The list of experiments: a window on it, in the order asked for, put together from its rows."""

import sqlite3
from collections.abc import Iterable, Iterator
from functools import lru_cache

from core.events import Experiment, LevelMeasured, SubRound
from core.store.queries import Query, understood
from core.store.rows import ExperimentSort, Page

_ORDER: dict[ExperimentSort, str] = {
    "number": "number {way}",
    "rank": (  # as core.verdict.rank_key has it, and the index experiment_rank, letter by letter
        "CASE WHEN score IS NULL THEN 2 WHEN feasible THEN 0 ELSE 1 END {way},"
        " CASE WHEN score IS NOT NULL AND feasible THEN score ELSE violation END {way},"
        " score {way}, number {way}"
    ),
    # What has no figure comes last, whichever way the others are sorted.
    "value": "value IS NULL, value {way}, number",
    "score": "score IS NULL, score {way}, number",
    "duration": "duration IS NULL, duration {way}, number",
    "outcome": "outcome IS NULL, outcome {way}, number",
}


async def read_experiments(
    query: Query,
    task_id: int,
    *,
    sort: ExperimentSort,
    descending: bool,
    limit: int,
    offset: int,
    sub_rounds: bool,
) -> Page[Experiment]:
    """Return a window on the experiments of a task, with their sub-rounds if those are wanted."""
    order = _ORDER[sort].format(way="DESC" if descending else "ASC")
    [(total,)] = await query("SELECT count(*) FROM experiment WHERE task = ?", (task_id,))
    records = await query(
        # Which rows is told by a narrow index; only theirs are read in full.
        "SELECT number, record FROM (SELECT id AS place FROM experiment WHERE task = ?"
        f" ORDER BY {order} LIMIT ? OFFSET ?) JOIN experiment ON id = place ORDER BY {order}",
        (task_id, limit, offset),
    )
    measured = await _read_sub_rounds(query, task_id, records) if sub_rounds else []
    return Page(tuple(_whole(records, measured)), total)


async def read_experiment(query: Query, task_id: int, number: int) -> Experiment | None:
    """Return one experiment of a task with its sub-rounds."""
    records = await query(
        "SELECT number, record FROM experiment WHERE task = ? AND number = ?", (task_id, number)
    )
    return next(_whole(records, await _read_sub_rounds(query, task_id, records)), None)


async def _read_sub_rounds(
    query: Query, task_id: int, records: Iterable[sqlite3.Row]
) -> list[sqlite3.Row]:
    numbers = ", ".join(str(number) for number, _ in records)
    return await query(
        "SELECT body FROM event WHERE task = ? AND type = 'level_measured'"
        f" AND experiment IN ({numbers}) ORDER BY experiment, seq",
        (task_id,),
    )


@lru_cache(256)
def _experiment(record: str) -> Experiment:
    """A list that is followed is read every second, and nearly all of it is as it was."""
    return understood(Experiment.model_validate_json, record)


def _whole(records: Iterable[sqlite3.Row], measured: Iterable[sqlite3.Row]) -> Iterator[Experiment]:
    sub_rounds: dict[int, tuple[SubRound, ...]] = {}
    for (body,) in measured:
        event = understood(LevelMeasured.model_validate_json, body)
        sub_rounds[event.experiment] = (*sub_rounds.get(event.experiment, ()), event.sub_round)
    for number, record in records:
        experiment = _experiment(record)
        found = sub_rounds.get(number)
        yield experiment.model_copy(update={"sub_rounds": found}) if found else experiment
