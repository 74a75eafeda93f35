"""CPUs that the load has to itself, where a machine has many.

A server with GPUs keeps a few CPUs busy. Load workers that share one of them are late, and make the
server late. So on a machine with enough, whole cores are kept for the load, and servers started by
this process stay off them. A kernel that refuses leaves everything as it was.
"""

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

LEAST_CPUS = 16
"""Fewer than this are not parted: a server would miss what it lost."""
_ONE_IN = 8
"""Of so many CPUs, one is the load's."""


@dataclass(frozen=True)
class Cores:
    """Who runs where; CPUs by the kernel's numbers."""

    load: frozenset[int]
    servers: frozenset[int]

    @property
    def all(self) -> frozenset[int]:
        """Every CPU that this process was given."""
        return self.load | self.servers

    @property
    def in_words(self) -> str:
        """What a run says of it."""
        own = ", ".join(map(str, sorted(self.load)))
        return f"the load has CPUs {own} to itself, servers the other {len(self.servers)}"


def siblings(cpu: int, folder: Path = Path("/sys/devices/system/cpu")) -> frozenset[int]:
    """Return the CPUs of one core; the CPU alone where the kernel does not tell."""
    file = folder / f"cpu{cpu}" / "topology" / "thread_siblings_list"
    try:
        parts = file.read_text(encoding="ascii").strip().split(",")
        ends = [[int(end) for end in part.split("-")] for part in parts]
    except (OSError, ValueError):
        return frozenset({cpu})
    return frozenset(n for found in ends for n in range(found[0], found[-1] + 1))


def parted(
    cpus: Collection[int], core_of: Callable[[int], Collection[int]] = siblings
) -> Cores | None:
    """Return who gets which of these CPUs, whole cores each; None: there are too few to part.

    The load's are the last, as interrupts and whoever pins by hand tend to take the first.
    """
    if len(cpus) < LEAST_CPUS:
        return None
    load: set[int] = set()
    for cpu in sorted(cpus, reverse=True):
        if len(load) >= len(cpus) // _ONE_IN:
            break
        load.update(set(core_of(cpu)) & set(cpus))
    servers = set(cpus) - load
    return Cores(frozenset(load), frozenset(servers)) if servers else None


@contextmanager
def left_to_the_load(cores: Cores | None) -> Iterator[None]:
    """Keep this thread, and the processes it starts, off the load's CPUs for as long."""
    if cores is not None:
        keep_to(0, cores.servers)
    try:
        yield
    finally:
        if cores is not None:
            keep_to(0, cores.all)


def keep_to(pid: int, cpus: frozenset[int]) -> None:
    """Have a process run on these CPUs alone; 0 is this thread. One that is gone does not mind."""
    with suppress(OSError):
        os.sched_setaffinity(pid, cpus)
