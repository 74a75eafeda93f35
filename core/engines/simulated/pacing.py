"""A replica on the wall's clock: its steps take as long as the model says, divided by the speed."""

import asyncio
import time
from collections.abc import Callable

from core.engines.simulated.memory import GpuMemoryError
from core.engines.simulated.request import Request
from core.engines.simulated.scheduler import Scheduler, Step

EARLY = 0.5e-3
"""Wall seconds by which a step may be delivered early: event loops wake up to the millisecond, and
rounding to the nearest one makes no step late on average."""
CATCH_UP = 64
"""Steps delivered in a row, where the host is too slow for the speed, before others get a turn."""


class VirtualClock:
    """The time in the simulation, in seconds since it began."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._loop = asyncio.get_running_loop()
        self._began = time.monotonic()

    def now(self) -> float:
        """Return the present moment. The event loop's own time is too coarse for this."""
        return (time.monotonic() - self._began) * self.speed

    def call_at(self, moment: float, callback: Callable[[], None]) -> None:
        """Call back at a moment of the simulation, to the nearest millisecond of the wall."""
        self._loop.call_later((moment - self.now()) / self.speed, callback)


class PacedReplica:
    """A scheduler that is advanced step by step; each step is delivered when it ends."""

    def __init__(
        self,
        scheduler: Scheduler,
        clock: VirtualClock,
        deliver: Callable[[Step], None],
        crash: Callable[[GpuMemoryError], None],
    ) -> None:
        self.scheduler = scheduler
        self.lag = 0.0
        """How late the last step was delivered, in seconds of the wall."""
        self._clock = clock
        self._deliver = deliver
        self._crash = crash
        self._step: Step | None = None

    def submit(self, request: Request) -> None:
        """Queue a request, which arrives now."""
        self.scheduler.submit(request)
        if self._step is None:
            self._play(request.arrival)
            self._await_end()

    def _play(self, moment: float) -> None:
        try:
            self._step = self.scheduler.advance(moment)
        except GpuMemoryError as error:
            self._step = None
            self._crash(error)

    def _await_end(self) -> None:
        if self._step is not None:
            self._clock.call_at(self._step.end, self._complete)

    def _complete(self) -> None:
        """Deliver the step that is over, and those after it that are over by now as well."""
        now = self._clock.now()
        for _ in range(CATCH_UP):
            step = self._step
            if step is None or step.end > now + EARLY * self._clock.speed:
                break
            self.lag = max(0.0, now - step.end) / self._clock.speed
            self._deliver(step)
            self._play(step.end)
        self._await_end()
