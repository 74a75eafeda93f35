"""An alarm that rings within tens of microseconds; the event loop's timers count in milliseconds.

On Linux it is a timerfd, which the loop watches like a socket. Elsewhere the loop's timer does.
"""

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1
_TFD_NONBLOCK = os.O_NONBLOCK


class _TimerSpec(ctypes.Structure):
    """`struct itimerspec`: interval, then first expiry, each in seconds and nanoseconds."""

    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "at_s", "at_ns")]


class Alarm:
    """Calls back at a moment of the monotonic clock."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._fd: int | None = None
        if sys.platform == "linux":
            self._libc = ctypes.CDLL(None, use_errno=True)  # os.timerfd_create comes with 3.13
            self._fd = self._libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK)
            self._loop.add_reader(self._fd, self._fire)

    def set(self, at: int) -> None:
        """Ring at `at`, in nanoseconds, not when it was set to before; at once if that is past."""
        if self._fd is None:
            self.unset()
            delay = (at - time.monotonic_ns()) / 1e9
            self._handle = self._loop.call_later(max(0.0, delay), self._ring)
            return
        spec = _TimerSpec(0, 0, *divmod(max(at, 1), 1_000_000_000))
        self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, ctypes.byref(spec), None)

    def unset(self) -> None:
        """Do not ring."""
        if self._handle is not None:
            self._handle.cancel()
        if self._fd is not None:
            self._libc.timerfd_settime(self._fd, 0, ctypes.byref(_TimerSpec()), None)

    def close(self) -> None:
        """Ring no more."""
        self.unset()
        if self._fd is not None:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = None

    def _fire(self) -> None:
        assert self._fd is not None
        os.read(self._fd, 8)
        self._ring()
