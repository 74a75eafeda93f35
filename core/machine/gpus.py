"""What the rest of the program knows of GPUs, whether they are real or simulated.

A figure that a GPU does not tell is None, never 0: consumer boards lack some counters, MIG slices
and unified-memory machines lack more, and a board that fell off the bus lacks all.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from core.machine.identity import ProcessDescription


@dataclass(frozen=True)
class Gpu:
    """One GPU, or one MIG slice of one: something that can be leased."""

    index: int
    """Position among all GPUs of the machine; slices have that of their board."""
    uuid: str
    name: str
    memory_bytes: int | None
    board: str
    """UUID of the board: that of the GPU itself, unless it is a slice."""
    simulated: bool = False

    @property
    def is_slice(self) -> bool:
        """Whether it is a MIG slice, which has no NVLink and no power figures of its own."""
        return self.board != self.uuid


@dataclass(frozen=True)
class GpuMemory:
    """Memory of a GPU, in bytes; what the driver reserves is neither used nor free."""

    total: int
    used: int
    free: int


@dataclass(frozen=True)
class GpuProcess:
    """A process that has memory on a GPU."""

    pid: int
    used_bytes: int | None
    description: ProcessDescription | None
    """None if it cannot be seen from here, as another container's process cannot."""
    graphics: bool = False
    """Whether it only draws: a desktop, not a computation."""


@dataclass(frozen=True)
class GpuSample:
    """What a GPU did at a moment."""

    at: float
    """Unix time."""
    utilization: float | None = None
    """Share of the last moments in which any kernel ran, 0 to 1."""
    memory_utilization: float | None = None
    """Share of the last moments in which memory was read or written, 0 to 1."""
    used_bytes: int | None = None
    power_watts: float | None = None
    energy_joules: float | None = None
    """Counted since the driver was loaded: only differences mean anything."""
    temperature: float | None = None
    """Degrees Celsius."""
    sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    throttled_by: tuple[str, ...] = ()
    """Why the clocks are below what they could be; empty while nothing holds them down."""
    pcie_received: int | None = None
    """Bytes per second from the host."""
    pcie_sent: int | None = None
    """Bytes per second to the host."""


@dataclass(frozen=True)
class GpuLimits:
    """What a GPU may do at most, as it is set up."""

    sm_clock_mhz: int | None = None
    power_watts: float | None = None


class PciePath(IntEnum):
    """The shortest way between two GPUs over PCIe, the better the higher."""

    UNKNOWN = 0
    SYSTEM = 1
    """Across the link between CPU sockets."""
    NODE = 2
    """Across host bridges of one socket."""
    HOST_BRIDGE = 3
    SWITCHES = 4
    """Through several PCIe switches."""
    SWITCH = 5
    """Through one PCIe switch."""
    BOARD = 6
    """On one board."""


@dataclass(frozen=True, order=True)
class Link:
    """How two GPUs reach each other. Links compare: the better is the greater."""

    nvlinks: int = 0
    """NVLink lanes between them, directly or through NVSwitch."""
    path: PciePath = PciePath.UNKNOWN

    def __str__(self) -> str:
        return f"{self.nvlinks}×NVLink" if self.nvlinks else self.path.name.lower()


class Gpus(Protocol):
    """The GPUs of a machine. No method raises because a driver or a board is in trouble."""

    def problem(self) -> str | None:
        """Return why GPUs cannot be seen, in one calm sentence; None if they can."""

    def present(self) -> tuple[Gpu, ...]:
        """Return every GPU that can be leased; a board in MIG mode is represented by its slices."""

    def driver(self) -> str:
        """Return the driver's version; empty where there is none."""

    def limits(self, uuid: str) -> GpuLimits:
        """Return what a GPU may do at most."""

    def memory(self, uuid: str) -> GpuMemory | None:
        """Return the memory of a GPU, None if it does not tell."""

    def sample(self, uuid: str) -> GpuSample:
        """Return what a GPU does now. May block for some ten milliseconds."""

    def processes(self, uuid: str) -> tuple[GpuProcess, ...] | None:
        """Return who has memory on a GPU, None if it does not tell."""

    def link(self, one: str, other: str) -> Link:
        """Return how two GPUs reach each other."""
