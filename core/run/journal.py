"""What a run says, in order: to the store, which keeps it, and to whoever listens."""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from core.events import Event, RunState
from core.store import Store

Listener = Callable[[Event], None]


class Journal:
    """Says events at once and commits them in order, as many at a time as have come together.

    Use as an asynchronous context manager; leaving it commits what was said last.
    """

    def __init__(
        self, store: Store, task_id: int, state: RunState, listeners: Sequence[Listener]
    ) -> None:
        self.state = state
        """What everything said so far amounts to."""
        self._store = store
        self._task_id = task_id
        self._listeners = listeners
        self._said: list[Event] = []
        self._committing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.settled()

    def say(self, event: Event) -> None:
        """Say what happened.

        Raises:
            ValueError: it cannot follow what was said before.
        """
        self.state.apply(event)
        self._said.append(event)
        for listener in self._listeners:
            listener(event)
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit())
            self._committing.add_done_callback(_told_by_settled)

    async def settled(self) -> None:
        """Wait until everything said so far is safe on the disk.

        Raises:
            StoreError: it could not be written.
        """
        if self._committing is not None:
            await asyncio.shield(self._committing)

    async def _commit(self) -> None:
        while self._said:
            events, self._said = self._said, []
            try:
                await self._store.record(self._task_id, *events)
            except BaseException:
                self._said = [*events, *self._said]  # a full disk may have room again
                raise


def _told_by_settled(commit: asyncio.Task[None]) -> None:
    """Take note of an error, which `settled` raises, or the commit that comes after gets over."""
    if not commit.cancelled():
        commit.exception()
