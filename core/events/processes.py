"""Which process is meant: a number alone is not enough, because the kernel gives it out again."""

import signal

from pydantic import Field

from core.task import Frozen


class ProcessIdentity(Frozen):
    """One process for all time: no other process ever has the same three values."""

    pid: int = Field(ge=1)
    start_ticks: int
    """Clock ticks from boot to the process's start, as `/proc/PID/stat` has them."""
    boot_id: str
    """The kernel's id of this boot."""

    def __str__(self) -> str:
        return f"PID {self.pid}"


def signal_name(number: int) -> str:
    """Return what a signal is called; those for real time have numbers only."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
