"""What the kernel says of processes, and the one place from which a signal leaves this program.

Standard library only, and quick to import, because the guardian starts with it. A process is named
by its PID and its start, so no signal ever reaches a later process that was given the same number.
"""

import os
import signal
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

TICKS_PER_SECOND: int = os.sysconf("SC_CLK_TCK")
PAGE_BYTES: int = os.sysconf("SC_PAGE_SIZE")
_INITIAL_PID_NAMESPACE = 0xEFFF_FFFC  # PROC_PID_INIT_INO of linux/proc_ns.h
_KERNEL_THREAD = 0x0020_0000  # PF_KTHREAD of linux/sched.h


class Stat(NamedTuple):
    """One process as `/proc/PID/stat` has it; see proc_pid_stat(5)."""

    pid: int
    name: str
    """The kernel's name for it, 15 bytes at most."""
    state: str
    parent: int
    kernel_thread: bool
    cpu_ticks: int
    """Ticks of processor time it used, its children excluded."""
    start_ticks: int
    """Ticks from boot to its start."""
    resident_bytes: int

    @property
    def halted(self) -> bool:
        """Whether a signal holds it until SIGCONT; one that a debugger holds is not meant."""
        return self.state == "T"

    @property
    def ended(self) -> bool:
        """Whether only its exit status is left."""
        return self.state in "ZXx"


def read_stat(pid: int) -> Stat | None:
    """Return what the kernel says of the process with that number, None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123  pathlib is slow to import
            raw = file.read().decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in parentheses and may itself hold any of them.
    name, _, rest = raw.partition("(")[2].rpartition(")")
    fields = rest.split()
    return Stat(
        pid=pid,
        name=name,
        state=fields[0],
        parent=int(fields[1]),
        kernel_thread=bool(int(fields[6]) & _KERNEL_THREAD),
        cpu_ticks=int(fields[11]) + int(fields[12]),
        start_ticks=int(fields[19]),
        resident_bytes=int(fields[21]) * PAGE_BYTES,
    )


def owner(pid: int) -> int | None:
    """Return the effective user of the process with that number, None if there is none."""
    try:
        return os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116
    except (FileNotFoundError, ProcessLookupError):
        return None


def read_bytes(pid: int) -> int:
    """Return how much the process with that number has read so far, from files, caches and pipes;
    0 if that is not for this user to see. See proc_pid_io(5)."""
    try:
        with open(f"/proc/{pid}/io", encoding="ascii") as file:  # noqa: PTH123
            counts = dict(line.split(": ") for line in file.read().splitlines())
        # What comes in through a memory map is counted only where it comes from a disk.
        return int(counts["rchar"]) + int(counts["read_bytes"])
    except (OSError, ValueError, KeyError):
        return 0


def all_stats() -> Iterator[Stat]:
    """Yield every process that this one can see."""
    for entry in os.listdir("/proc"):  # noqa: PTH208
        if entry.isdigit() and (stat := read_stat(int(entry))) is not None:
            yield stat


def descendants(root: int) -> list[Stat]:
    """Return the children of the process with that number, and theirs, parents first."""
    children: dict[int, list[Stat]] = {}
    for stat in all_stats():
        children.setdefault(stat.parent, []).append(stat)
    found: list[Stat] = []
    generation = children.get(root, [])
    while generation:
        found += generation
        generation = [child for stat in generation for child in children.get(stat.pid, [])]
    return found


def ancestors(pid: int) -> list[int]:
    """Return the parent of the process with that number, its parent, and so on, nearest first."""
    found: list[int] = []
    stat = read_stat(pid)
    while stat is not None and stat.parent > 0:
        found.append(stat.parent)
        stat = read_stat(stat.parent)
    return found


@cache
def boot_id() -> str:
    """Return the kernel's id of this boot."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123
        return file.read().strip()


@cache
def pid_namespace() -> int:
    """Return the namespace that this process's PIDs count in; containers have their own."""
    return os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116


def sees_whole_machine() -> bool:
    """Return whether PIDs here are those of the machine, as they are not inside a container."""
    return pid_namespace() == _INITIAL_PID_NAMESPACE


def signal_process(pid: int, start_ticks: int, number: int) -> bool:
    """Send a signal to exactly one process.

    Args:
        pid: its number.
        start_ticks: when it started, as `Stat` has it.
        number: the signal.

    Returns:
        Whether it was sent. False: that process is no more, whoever has its number now.

    Raises:
        PermissionError: the process belongs to somebody else.
    """
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    except OSError:  # no pidfd here: a kernel before 5.3, or a seccomp filter
        return _signal_by_number(pid, start_ticks, number)
    try:
        # Looked at after the handle was opened: what holds now holds for the handle.
        if not _is_running(pid, start_ticks):
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def _signal_by_number(pid: int, start_ticks: int, number: int) -> bool:
    if not _is_running(pid, start_ticks):
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _is_running(pid: int, start_ticks: int) -> bool:
    stat = read_stat(pid)
    return stat is not None and stat.start_ticks == start_ticks and not stat.ended
