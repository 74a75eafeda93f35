"""Looking at something slow, again and again, in a thread of its own.

The store, NVML and the process table are read here and nowhere else in the app, so that none of
them, however slow or hung, can hold up a key. What was read is posted to the app as one message;
a later message replaces an earlier one that nobody has looked at yet.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from textual.message import Message

from core.errors import AutotunerError

S = TypeVar("S")

Reading: TypeAlias = Callable[[S], Awaitable[object]]
"""Reads what a screen wants to know from the source, and returns it as one value."""


class Told(Message):
    """What a reading returned."""

    def __init__(self, reading: object, answer: object) -> None:
        super().__init__()
        self.reading = reading
        self.answer = answer

    def can_replace(self, message: Message) -> bool:
        """Return whether `message` is a newer answer to the same question."""
        return isinstance(message, Told) and message.reading is self.reading


class Trouble(Message):
    """The source cannot be read, and why; an empty text when it can again."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class Failed(Message):
    """A reading has a bug."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


@dataclass(frozen=True)
class Partial:
    """An answer that is not whole yet: the reading goes on at once."""

    answer: object


class Follower(threading.Thread, Generic[S]):
    """Runs readings at once when they are asked for, and again whenever the source has changed.

    A reading that takes long is repeated more rarely, so that following never takes more than a
    few hundredths of a processor.
    """

    def __init__(
        self,
        name: str,
        post: Callable[[Message], object],
        source: Callable[[], contextlib.AbstractAsyncContextManager[S]],
        changed: Callable[[S], Awaitable[bool]],
        *,
        interval: float = 1.0,
    ) -> None:
        """Describe what to look at.

        Args:
            post: takes the messages; is called from this thread.
            source: opens what is read.
            changed: says whether anything has happened since it was asked last.
            interval: seconds between two looks.
        """
        super().__init__(name=name, daemon=True)
        self._post = post
        self._source = source
        self._changed = changed
        self.interval = interval
        self._loop = asyncio.new_event_loop()
        self._wake = asyncio.Event()
        self._over = False
        self._readings: Sequence[Reading[S]] = ()
        self._trouble = ""
        self._cost = 0.0
        """Seconds that the last round took."""

    def follow(self, readings: Sequence[Reading[S]]) -> None:
        """Run these readings from now on, and at once. The first of them start the thread."""
        self._readings = tuple(readings)
        if self.ident is None:  # nothing told to a loop that does not run is ever let go
            if readings:
                self.start()
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: the app is leaving
            self._loop.call_soon_threadsafe(self._wake.set)

    def stop(self, patience: float = 1.0) -> None:
        """End the thread, unless it hangs in the source; then it is left behind, as a daemon."""
        self._over = True
        self.follow(())
        if self.is_alive():
            self.join(patience)
        elif self.ident is None:  # it was never started
            self._loop.close()

    def run(self) -> None:
        """Look until `stop`."""
        try:
            self._loop.run_until_complete(self._look_again_and_again())
        except Exception as error:
            self._post(Failed(error))
        finally:
            self._loop.close()

    async def _look_again_and_again(self) -> None:
        async with self._source() as source:
            looked_at: Sequence[Reading[S]] | None = None
            while not self._over:
                self._wake.clear()
                readings = self._readings
                try:
                    if readings is not looked_at or await self._changed(source):
                        looked_at = readings if await self._look(source, readings) else None
                    self._say("")
                except AutotunerError as error:
                    looked_at = None
                    self._say(str(error))
                await self._pause(whole=looked_at is not None)

    async def _look(self, source: S, readings: Sequence[Reading[S]]) -> bool:
        """Run the readings and return whether there is nothing more to read for now."""
        began, whole = time.thread_time(), True
        for reading in readings:
            answer = await reading(source)
            if self._readings is not readings:
                return False  # somebody wants to know something else by now
            if isinstance(answer, Partial):
                answer, whole = answer.answer, False
            self._post(Told(reading, answer))
        self._cost = time.thread_time() - began
        return whole

    async def _pause(self, *, whole: bool) -> None:
        if self._trouble:
            seconds = self.interval
        elif whole:
            seconds = max(self.interval, self._cost / _SHARE)
        else:
            seconds = _BREATH
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._post(Trouble(trouble))


_SHARE = 0.03
"""Share of a processor that following may take."""

_BREATH = 0.02
"""Seconds between two parts of a long reading, in which keys get their turn."""


@asynccontextmanager
async def nothing() -> AsyncIterator[None]:
    """Open nothing: the source of readings that need none."""
    yield None


async def always(_: object) -> bool:
    """Say that there may be something new."""
    return True
