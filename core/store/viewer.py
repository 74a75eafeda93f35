"""The viewers' side of the store: it reads, and cannot write, block or stop a runner.

Its connection is read-only and every query is over before its rows are looked at, so not even a
viewer that hangs keeps a lock. While there is no store yet, everything is empty.
"""

import asyncio
import sqlite3
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Self

import aiosqlite

from core.events import Experiment, Outcome, Phase, ProcessIdentity, RunState
from core.store.connection import looking, nothing, undo_unfinished
from core.store.experiment_list import read_experiment, read_experiments
from core.store.faults import explain
from core.store.history import closing_events
from core.store.location import database
from core.store.queries import (
    Values,
    fold,
    read_events,
    read_identity,
    read_latest_events,
    read_leases,
    read_tasks,
)
from core.store.rows import (
    ExperimentSort,
    IsAlive,
    Lease,
    Page,
    Recorded,
    StoredTask,
    TaskRef,
    TaskSort,
    TaskState,
    TaskSummary,
)
from core.store.task_list import read_summaries, read_summary


class Viewer:
    """A look into the store. Open it with `async with Viewer() as viewer`.

    Every method raises `StoreError` when the store is there and cannot be read.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        updating: bool = False,
        is_alive: IsAlive | None = None,
    ) -> None:
        """Say which store; it is opened by the first question.

        Args:
            updating: whether a store of an older version is brought up to date before it is read.
            is_alive: says whether a runner lives; what one that does not has left open is shown as
                interrupted, as the next runner will write it down. None: shown as it is written.
        """
        self.path = (path or database()).absolute()
        self._updating = updating
        self._is_alive = is_alive
        self._living: tuple[ProcessIdentity, ...] = ()
        """The runners that lived when they were looked at last."""
        self._connection: aiosqlite.Connection | None = None
        self._stand_in: aiosqlite.Connection | None = None
        """What is looked at while there is no store."""
        self._opening = asyncio.Lock()
        self._version: tuple[bool, int] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in (self._connection, self._stand_in):
            if connection is not None:
                await connection.close()
        self._connection = self._stand_in = None

    async def changed(self) -> bool:
        """Return whether anything was committed since this was asked last, or a runner has died;
        the first time, True."""
        [(version,)] = await self._query("PRAGMA data_version")
        before, self._version = self._version, (self._connection is not None, version)
        if self._is_alive is None:
            return self._version != before
        if self._version != before:
            claimed = await self._query("SELECT runner FROM task WHERE state = 'running'")
            runners = {read_identity(runner) for (runner,) in claimed}
            self._living = tuple(who for who in runners if who and self._is_alive(who))
            return True
        living = tuple(who for who in self._living if self._is_alive(who))
        died, self._living = living != self._living, living
        return died

    async def tasks(
        self,
        matching: str = "",
        *,
        verifications: bool = True,
        sort: TaskSort = "created",
        descending: bool = True,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[TaskSummary]:
        """Return a window on the tasks whose name, engine, model or state contain `matching`.

        Args:
            verifications: whether finished runs of `verify` are among them.
        """
        page = await read_summaries(
            self._query,
            matching,
            verifications=verifications,
            sort=sort,
            descending=descending,
            limit=limit,
            offset=offset,
        )
        return Page(tuple([await self._as_it_is(summary) for summary in page.rows]), page.total)

    async def summary(self, task_id: int) -> TaskSummary | None:
        """Return what `tasks` says of one task, or None where there is no such task."""
        summary = await read_summary(self._query, task_id)
        return None if summary is None else await self._as_it_is(summary)

    async def find(self, ref: str) -> StoredTask | None:
        """Return the task that `ref` names: `quickstart` (its newest run), `quickstart#2`, `#17`.

        None when there is no such task.
        """
        wanted = TaskRef.parse(ref)
        found = await read_tasks(
            self._query,
            "id = :id OR (name = :name AND (run = :run OR :run IS NULL))"
            # A name may itself end in `#2`.
            " OR name = :ref ORDER BY name = :ref, run DESC LIMIT 1",
            {"id": wanted.id, "name": wanted.name, "run": wanted.run, "ref": ref},
        )
        if not found:
            return None
        task = found[0]
        dead = task.state is TaskState.RUNNING and self._is_dead(task.runner)
        return replace(task, state=TaskState.INTERRUPTED) if dead else task

    async def experiments(
        self,
        task_id: int,
        *,
        sort: ExperimentSort = "number",
        descending: bool = False,
        limit: int = 50,
        offset: int = 0,
        sub_rounds: bool = True,
    ) -> Page[Experiment]:
        """Return a window on the experiments of a task.

        Args:
            sub_rounds: False leaves them out, which is what takes the time; a list needs none.
        """
        page = await read_experiments(
            self._query,
            task_id,
            sort=sort,
            descending=descending,
            limit=limit,
            offset=offset,
            sub_rounds=sub_rounds,
        )
        return Page(await self._as_they_are(task_id, page.rows), page.total)

    async def experiment(self, task_id: int, number: int) -> Experiment | None:
        """Return one experiment of a task."""
        found = await read_experiment(self._query, task_id, number)
        return None if found is None else (await self._as_they_are(task_id, (found,)))[0]

    async def events(
        self, task_id: int, *, after: int = 0, limit: int = 1000
    ) -> tuple[Recorded, ...]:
        """Return the next events of a task after number `after`, in order."""
        return tuple(await read_events(self._query, task_id, after, limit))

    async def latest_events(self, task_id: int, limit: int) -> tuple[Recorded, ...]:
        """Return the last events of a task, in order: what is going on, whatever came before."""
        return tuple(await read_latest_events(self._query, task_id, limit))

    async def state(self, task_id: int) -> tuple[RunState, int]:
        """Return what the history of a task amounts to, and the number of its last event."""
        state, last = await fold(self._query, task_id)
        if await self._is_abandoned(task_id):
            for event in closing_events(state, await self._last_moment(task_id) or 0.0):
                state.apply(event)
        return state, last

    async def samples(self, task_id: int, experiment: int, sub_round: int) -> bytes | None:
        """Return what `Store.keep_samples` was given, or None where nothing was."""
        found = await self._query(
            "SELECT requests FROM samples WHERE task = ? AND experiment = ? AND sub_round = ?",
            (task_id, experiment, sub_round),
        )
        return await asyncio.to_thread(zlib.decompress, found[0][0]) if found else None

    async def leases(self) -> tuple[Lease, ...]:
        """Return every lease; whether its holder still lives is for the reader to find out."""
        return tuple(await read_leases(self._query))

    def _is_dead(self, runner: ProcessIdentity | None) -> bool:
        return self._is_alive is not None and runner is not None and not self._is_alive(runner)

    async def _is_abandoned(self, task_id: int) -> bool:
        """Return whether a task has a runner that is no more."""
        if self._is_alive is None:
            return False
        found = await self._query("SELECT runner FROM task WHERE id = ?", (task_id,))
        return bool(found) and self._is_dead(read_identity(found[0][0]))

    async def _as_it_is(self, summary: TaskSummary) -> TaskSummary:
        if summary.state is not TaskState.RUNNING or not self._is_dead(summary.runner):
            return summary
        outcomes = dict(summary.outcomes)
        if under_way := outcomes.pop(None, 0):
            outcomes[Outcome.INTERRUPTED] = outcomes.get(Outcome.INTERRUPTED, 0) + under_way
        return replace(
            summary,
            state=TaskState.INTERRUPTED,
            outcomes=outcomes,
            eta=None,
            ended_at=await self._last_moment(summary.id),
        )

    async def _as_they_are(
        self, task_id: int, experiments: tuple[Experiment, ...]
    ) -> tuple[Experiment, ...]:
        if all(e.phase is Phase.DONE for e in experiments) or not await self._is_abandoned(task_id):
            return experiments
        state, _ = await self.state(task_id)
        return tuple(
            e if e.phase is Phase.DONE else state.experiments[e.number] for e in experiments
        )

    async def _last_moment(self, task_id: int) -> float | None:
        """Return when the runner of a task was last heard of, in Unix time."""
        last = await read_latest_events(self._query, task_id, 1)
        return last[0].event.at if last else None

    async def _query(self, sql: str, values: Values = (), /) -> list[sqlite3.Row]:
        try:
            try:
                return await self._query_once(sql, values)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                    raise
                await undo_unfinished(self.path)
                return await self._query_once(sql, values)
        except sqlite3.Error as error:
            raise explain(error, self.path) from None

    async def _query_once(self, sql: str, values: Values) -> list[sqlite3.Row]:
        connection = await self._look()
        return list(await connection.execute_fetchall(sql, values))

    async def _look(self) -> aiosqlite.Connection:
        async with self._opening:
            if self._connection is None:
                self._connection = await looking(self.path, updating=self._updating)
            if self._connection is not None:
                return self._connection
            if self._stand_in is None:
                self._stand_in = await nothing()
            return self._stand_in
