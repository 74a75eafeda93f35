"""The viewers' side of the store: it reads, and cannot write, block or stop a runner.

Its connection is read-only and every query is over before its rows are looked at, so not even a
viewer that hangs keeps a lock. While there is no store yet, everything is empty.
"""

import asyncio
import sqlite3
import zlib
from pathlib import Path
from typing import Self

import aiosqlite

from core.events import Experiment, RunState
from core.store.connection import looking, nothing, undo_unfinished
from core.store.experiment_list import read_experiment, read_experiments
from core.store.faults import explain
from core.store.location import database
from core.store.queries import (
    Values,
    fold,
    read_events,
    read_latest_events,
    read_leases,
    read_tasks,
)
from core.store.rows import (
    ExperimentSort,
    Lease,
    Page,
    Recorded,
    StoredTask,
    TaskRef,
    TaskSort,
    TaskSummary,
)
from core.store.task_list import read_summaries, read_summary


class Viewer:
    """A look into the store. Open it with `async with Viewer() as viewer`.

    Every method raises `StoreError` when the store is there and cannot be read.
    """

    def __init__(self, path: Path | None = None, *, updating: bool = False) -> None:
        """Say which store; it is opened by the first question.

        Args:
            updating: whether a store of an older version is brought up to date before it is read.
        """
        self.path = (path or database()).absolute()
        self._updating = updating
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
        """Return whether anything was committed since this was asked last; the first time, True."""
        [(version,)] = await self._query("PRAGMA data_version")
        before, self._version = self._version, (self._connection is not None, version)
        return self._version != before

    async def tasks(
        self,
        matching: str = "",
        *,
        sort: TaskSort = "created",
        descending: bool = True,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[TaskSummary]:
        """Return a window on the tasks whose name, engine, model or state contain `matching`."""
        return await read_summaries(
            self._query, matching, sort=sort, descending=descending, limit=limit, offset=offset
        )

    async def summary(self, task_id: int) -> TaskSummary | None:
        """Return what `tasks` says of one task, or None where there is no such task."""
        return await read_summary(self._query, task_id)

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
        return found[0] if found else None

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
        return await read_experiments(
            self._query,
            task_id,
            sort=sort,
            descending=descending,
            limit=limit,
            offset=offset,
            sub_rounds=sub_rounds,
        )

    async def experiment(self, task_id: int, number: int) -> Experiment | None:
        """Return one experiment of a task."""
        return await read_experiment(self._query, task_id, number)

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
        return await fold(self._query, task_id)

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
