"""What a server is to those who measure it, wherever it runs."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from core.events import ProcessIdentity
from core.machine.supervision import ExitReport


@dataclass(frozen=True)
class VitalSigns:
    """What moves while a server is at work, even if it says nothing."""

    log: tuple[int, int]
    """Size of the log in bytes, and when it was last written."""
    cpu_seconds: float
    """Processor time of its processes so far."""
    resident_bytes: int
    """Resident memory of its processes."""
    read_bytes: int = 0
    """Read so far by its processes: a model comes from a slow disk without a word."""
    gpu_bytes: int = 0
    """Memory in use on its GPUs."""
    halted: tuple[ProcessIdentity, ...] = ()
    """Those of its processes that a signal holds."""

    @property
    def why_halted(self) -> str:
        """What holds it, and what lets it go on; empty where nothing does."""
        if not self.halted:
            return ""
        return f"a signal halts {self.halted[0]}; `kill -CONT {self.halted[0].pid}` lets it go on"


@dataclass(frozen=True)
class Remains:
    """Something that a stopped server should have given back and did not."""

    what: Literal["process", "container", "port", "gpu_memory"]
    text: str
    """It by name: PID, command, MiB."""
    gpu: str | None = None
    """UUID of the GPU that kept memory."""


@dataclass(frozen=True)
class StopReport:
    """What a stop left behind."""

    remains: tuple[Remains, ...] = ()
    seconds: float = 0.0
    """How long stopping and looking took."""
    killed: tuple[str, ...] = ()
    """Processes that did not end when asked and were killed: name and PID."""
    peak_bytes: int | None = None
    """Most host memory that its processes were seen with; None: they could not be seen."""

    @property
    def clean(self) -> bool:
        """Whether nothing is left."""
        return not self.remains


class Server(Protocol):
    """One launched server."""

    @property
    def url(self) -> str:
        """Where it answers: `http://127.0.0.1:PORT`."""

    @property
    def log(self) -> Path:
        """The file that has what it says."""

    @property
    def shown_argv(self) -> tuple[str, ...]:
        """The command line with its secrets masked."""

    @property
    def server(self) -> ProcessIdentity:
        """The server's own process, or the one that stands for its container."""

    @property
    def guardian(self) -> ProcessIdentity:
        """The process that has it ended, whatever becomes of this one."""

    @property
    def ended(self) -> asyncio.Future[ExitReport]:
        """Done within a second of the server's own end, its last words in the log."""

    async def start(self) -> None:
        """Start it; it is not ready yet.

        Raises:
            HostError: it cannot be started.
        """

    async def stop(self) -> StopReport:
        """End it and all that belongs to it, and say what is left. May be called again."""

    async def vital_signs(self) -> VitalSigns:
        """Return what can be seen of its work from outside."""

    def pids(self) -> set[int]:
        """Return the numbers of its processes, as far as they can be seen from here."""
