"""The runner's side of the store: everything that writes.

Each write is one transaction, and is carried to its end even when its caller is cancelled: what was
handed over is kept.
"""

import asyncio
import sqlite3
import time
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import aiosqlite

from core.errors import StoreError
from core.events import Event, Phase, ProcessIdentity, RunState, ServerLaunched, decode
from core.store.connection import writing
from core.store.faults import explain
from core.store.history import append, closing_events, last_event
from core.store.location import database
from core.store.masking import mask, mask_task_text, without_secrets
from core.store.queries import Values, fold, read_leases, read_tasks, understood
from core.store.rows import ClaimedError, DeadRun, IsAlive, Lease, StoredTask
from core.task import Task

P = ParamSpec("P")
T = TypeVar("T")


def transaction(
    method: Callable[Concatenate["Store", P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["Store", P], Coroutine[Any, Any, T]]:
    """Make `method` one transaction, which goes on to its end when its caller is cancelled."""

    async def whole(self: "Store", /, *args: P.args, **kwargs: P.kwargs) -> T:
        work = asyncio.create_task(self._in_transaction(method(self, *args, **kwargs)))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.gather(work, return_exceptions=True)
            raise

    return wraps(method)(whole)


class Store:
    """The open store of one process. Open it with `async with Store.open() as store`."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        self.path = path
        self._connection = connection
        self._turn = asyncio.Lock()
        self._folds: dict[int, tuple[RunState, int]] = {}
        """The state of each task that was written to, and the last event it includes."""

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path | None = None) -> AsyncIterator["Store"]:
        """Open the store at `path`, by default that of `home()`; make it if there is none.

        Raises:
            StoreError: it cannot be opened, is damaged, foreign, or of a newer version.
        """
        path = path or database()
        async with writing(path) as connection:
            store = cls(connection, path)
            try:
                yield store
            finally:
                async with store._turn:  # what was begun is finished first
                    pass

    @transaction
    async def create_task(self, text: str, task: Task, source: str = "") -> StoredTask:
        """Keep a task that is to be run: a new row, whatever ran under its name before.

        Args:
            text: the task file, word for word.
            source: the path it was read from.
        """
        cursor = await self._connection.execute(
            "INSERT INTO task (name, run, text, source, document, engine, model, created_at)"
            " SELECT :name, coalesce(max(run), 0) + 1, :text, :source, :document, :engine, :model,"
            " :now FROM task WHERE name = :name",
            {
                "name": task.task_name,
                "text": mask_task_text(text, task),
                "source": source,
                "document": mask(without_secrets(task).model_dump_json()),
                "engine": task.base_runtime,
                "model": task.model.id_or_path,
                "now": time.time(),
            },
        )
        assert cursor.lastrowid is not None
        return await self._task(cursor.lastrowid)

    @transaction
    async def claim(self, task_id: int, runner: ProcessIdentity, is_alive: IsAlive) -> StoredTask:
        """Make `runner` the only one that runs the task, until it records `RunEnded` or dies.

        What nobody works on any more, but was left open, is closed as `close_dead_runs` does.

        Raises:
            ClaimedError: a living runner has it.
            StoreError: there is no such task.
        """
        task = await self._task(task_id)
        if task.runner != runner:
            if task.runner is not None and is_alive(task.runner):
                raise ClaimedError(task, task.runner)
            await self._close(task)  # a run may have ended with an experiment left open, too
        await self._connection.execute(
            "UPDATE task SET runner = ? WHERE id = ?", (runner.model_dump_json(), task_id)
        )
        return await self._task(task_id)

    @transaction
    async def delete_task(self, task_id: int, is_alive: IsAlive) -> None:
        """Delete a task, its history and all its results for good. Its servers' logs stay.

        Raises:
            ClaimedError: a living runner has it.
            StoreError: there is no such task.
        """
        task = await self._task(task_id)
        if task.runner is not None and is_alive(task.runner):
            raise ClaimedError(task, task.runner)
        self._folds.pop(task_id, None)
        await self._connection.execute("DELETE FROM task WHERE id = ?", (task_id,))

    @transaction
    async def record(self, task_id: int, *events: Event) -> None:
        """Append `events` to the history of a task and bring its rows up to date.

        Of the reports of progress only the newest is kept, since each replaces the one before: a
        day under load would leave 86,400 of them, which say nothing that its results do not.

        Raises:
            ValueError: an event cannot follow what was recorded before; nothing is kept.
            StoreError: nothing could be written.
        """
        state = await self._state(task_id)
        await append(self._connection, task_id, state, events)
        self._folds[task_id] = state, await last_event(self._connection, task_id)

    async def resume(self, task_id: int) -> RunState:
        """Return what the history of a task amounts to. The value is the caller's own."""
        try:
            async with self._turn:  # no transaction, since a long history takes its time
                state, _ = await fold(self._query, task_id)
        except sqlite3.Error as error:
            raise explain(error, self.path) from None
        return state

    async def keep_samples(
        self, task_id: int, experiment: int, sub_round: int, requests: bytes
    ) -> None:
        """Keep what every single request of a sub-round did, in any form; it is compressed here."""
        packed = await asyncio.to_thread(zlib.compress, requests)
        await self._keep_packed(task_id, experiment, sub_round, packed)

    @transaction
    async def leases(self) -> tuple[Lease, ...]:
        """Return every lease, those of dead holders among them."""
        return tuple(await read_leases(self._query))

    @transaction
    async def take_leases(
        self, gpus: Sequence[str], holder: ProcessIdentity, is_alive: IsAlive
    ) -> tuple[Lease, ...]:
        """Take all of `gpus` (UUIDs) for `holder`, or none of them.

        Returns:
            The leases in the way; empty when all were taken. A dead holder's lease is free.
        """
        wanted = set(gpus)
        in_the_way = tuple(
            lease
            for lease in await read_leases(self._query)
            if lease.gpu in wanted and lease.holder != holder and is_alive(lease.holder)
        )
        if not in_the_way:
            await self._connection.executemany(
                "INSERT OR REPLACE INTO lease (gpu, holder, taken_at) VALUES (?, ?, ?)",
                [(gpu, holder.model_dump_json(), time.time()) for gpu in sorted(wanted)],
            )
        return in_the_way

    @transaction
    async def release_leases(self, gpus: Sequence[str], holder: ProcessIdentity) -> None:
        """Give back those of `gpus` that `holder` has."""
        await self._connection.executemany(
            "DELETE FROM lease WHERE gpu = ? AND holder = ?",
            [(gpu, holder.model_dump_json()) for gpu in gpus],
        )

    @transaction
    async def close_dead_runs(self, is_alive: IsAlive) -> tuple[DeadRun, ...]:
        """End the history of every task whose runner died, and free what it had leased.

        Its unfinished experiments become interrupted; results that were committed stay.
        """
        claimed = await read_tasks(self._query, "runner IS NOT NULL")
        dead = [task for task in claimed if task.runner and not is_alive(task.runner)]
        closed = [await self._close(task) for task in dead]
        for lease in await read_leases(self._query):
            if not is_alive(lease.holder):
                await self._connection.execute("DELETE FROM lease WHERE gpu = ?", (lease.gpu,))
        return tuple(run for run in closed if run is not None)

    @transaction
    async def _keep_packed(
        self, task_id: int, experiment: int, sub_round: int, packed: bytes
    ) -> None:
        await self._connection.execute(
            "INSERT OR REPLACE INTO samples (task, experiment, sub_round, requests)"
            " VALUES (?, ?, ?, ?)",
            (task_id, experiment, sub_round, packed),
        )

    async def _close(self, task: StoredTask) -> DeadRun | None:
        """Say what the dead runner of `task` no longer could; None if it had left nothing open."""
        state = await self._state(task.id)
        unfinished = {e.number for e in state.experiments.values() if e.phase is not Phase.DONE}
        events = closing_events(state, await self._last_moment(task))
        launched = [
            understood(decode, body)
            for (body,) in await self._query(
                "SELECT body FROM event WHERE task = ? AND type = 'server_launched'",
                (task.id,),
            )
        ]
        await append(self._connection, task.id, state, events)
        await self._connection.execute("UPDATE task SET runner = NULL WHERE id = ?", (task.id,))
        if not events:
            return None
        servers = tuple(
            event
            for event in launched
            if isinstance(event, ServerLaunched) and event.experiment in unfinished
        )
        return DeadRun(await self._task(task.id), servers)

    async def _last_moment(self, task: StoredTask) -> float:
        """Return when the runner of `task` was last heard of, in Unix time."""
        last = await self._query(
            "SELECT body FROM event WHERE task = ? ORDER BY seq DESC LIMIT 1",
            (task.id,),
        )
        return understood(decode, last[0][0]).at if last else task.created_at

    async def _task(self, task_id: int) -> StoredTask:
        found = await read_tasks(self._query, "id = ?", (task_id,))
        if not found:
            raise StoreError(f"{self.path}: there is no task #{task_id}")
        return found[0]

    async def _state(self, task_id: int) -> RunState:
        """Return the state that the next event is applied to.

        It is kept from one call to the next, and made anew when another process has said something
        since: nothing may be appended that the history as it stands cannot carry.
        """
        state, known = self._folds.pop(task_id, (RunState(), 0))
        if known != await last_event(self._connection, task_id):
            state, _ = await fold(self._query, task_id)
        return state

    async def _query(self, sql: str, values: Values = (), /) -> list[sqlite3.Row]:
        return list(await self._connection.execute_fetchall(sql, values))

    async def _in_transaction(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            async with self._turn:
                try:
                    await self._connection.execute("BEGIN IMMEDIATE")
                    result = await work
                    await self._connection.execute("COMMIT")
                except BaseException:
                    self._folds.clear()  # they may hold what was not kept
                    await self._connection.rollback()
                    raise
                return result
        except sqlite3.Error as error:
            raise explain(error, self.path) from None
        finally:
            work.close()  # it may never have begun
