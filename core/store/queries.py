"""The reads that a writer needs as well as a viewer."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeAlias, TypeVar

from pydantic import ValidationError

from core.errors import StoreError
from core.events import Event, ProcessIdentity, RunState, decode
from core.store.rows import Lease, Recorded, StoredTask, TaskState
from core.task import Task

_PAGE = 500
"""Events read at a time, so that a long history does not keep the event loop from its work."""

_TASK = "SELECT id, name, run, text, source, document, created_at, state, runner FROM task "

T = TypeVar("T")
Values: TypeAlias = Sequence[Any] | Mapping[str, Any]


class Query(Protocol):
    """Runs a query to its end and returns all rows, so that no read lock outlasts it."""

    async def __call__(self, sql: str, values: Values = (), /) -> list[sqlite3.Row]: ...


def understood(read: Callable[[str], T], text: str) -> T:
    """Return what `read` makes of a text of the store.

    Raises:
        StoreError: it is not what `read` expects.
    """
    try:
        return read(text)
    except ValidationError:
        raise StoreError(
            "the store holds something that this version of autotuner does not understand; "
            "another version wrote it and can read it"
        ) from None


async def read_tasks(query: Query, where: str, values: Values = ()) -> list[StoredTask]:
    """Return the tasks for which `where` holds; it may go on with ORDER BY and LIMIT."""
    return [
        StoredTask(
            id=number,
            name=name,
            run=run,
            text=text,
            source=source,
            task=_task(document),
            created_at=created_at,
            state=TaskState(state),
            runner=read_identity(runner),
        )
        for number, name, run, text, source, document, created_at, state, runner in await query(
            f"{_TASK} WHERE {where}", values
        )
    ]


async def read_events(query: Query, task_id: int, after: int, limit: int) -> list[Recorded]:
    """Return up to `limit` events of a task that came after event `after`, in order."""
    found = await query(
        "SELECT seq, body FROM event WHERE task = ? AND seq > ? ORDER BY seq LIMIT ?",
        (task_id, after, limit),
    )
    return [Recorded(seq, understood(decode, body)) for seq, body in found]


async def read_latest_events(query: Query, task_id: int, limit: int) -> list[Recorded]:
    """Return the last `limit` events of a task, in order."""
    found = await query(
        "SELECT seq, body FROM event WHERE task = ? ORDER BY seq DESC LIMIT ?", (task_id, limit)
    )
    return [Recorded(seq, _event(body)) for seq, body in reversed(found)]


# What is followed is read every second, and nearly all of it is as it was.


@lru_cache(16)
def _task(document: str) -> Task:
    return understood(Task.model_validate_json, document)


@lru_cache(128)
def _event(body: str) -> Event:
    return understood(decode, body)


async def fold(query: Query, task_id: int) -> tuple[RunState, int]:
    """Return what the history of a task amounts to, and its last event's number."""
    state, last = RunState(), 0
    while page := await read_events(query, task_id, last, _PAGE):
        for recorded in page:
            state.apply(recorded.event)
        last = page[-1].seq
    return state, last


def read_identity(text: str | None) -> ProcessIdentity | None:
    """Return the process that a column names."""
    return None if text is None else ProcessIdentity.model_validate_json(text)


async def read_leases(query: Query) -> list[Lease]:
    """Return every lease, of the living and of the dead."""
    return [
        Lease(gpu, ProcessIdentity.model_validate_json(holder), taken_at)
        for gpu, holder, taken_at in await query(
            "SELECT gpu, holder, taken_at FROM lease ORDER BY gpu"
        )
    ]
