"""Processes by identity: which one, whether it lives, what it is, and a signal to it alone.

Everything that signals goes through here (or, in the guardian, through `procfs`, which this stands
on). Nothing here takes a name or a pattern, so nothing here can hit a stranger.
"""

import os
import pwd
import time
from dataclasses import dataclass
from pathlib import Path

from core.events import ProcessIdentity
from core.machine import procfs


@dataclass(frozen=True)
class ProcessDescription:
    """What a person has to see before deciding about a process."""

    identity: ProcessIdentity
    command: tuple[str, ...]
    """Its command line, secrets and all: mask it before it is shown. A kernel thread has none."""
    name: str
    """The kernel's short name for it."""
    owner: str
    """User name, or the number of a user without one."""
    uid: int
    parent: int
    """PID of its parent; 0 where there is none."""
    age: float
    """Seconds since it started."""
    resident_bytes: int
    kernel_thread: bool


@dataclass(frozen=True)
class TreeUsage:
    """What a process and its descendants use."""

    cpu_seconds: float
    """Processor time so far, of those that live."""
    resident_bytes: int
    """Resident memory, shared pages counted once for each process."""
    read_bytes: int
    """Read so far by those that live, as far as it can be seen."""
    halted: tuple[ProcessIdentity, ...]
    """Those that a signal holds, parents first."""


def identify(pid: int) -> ProcessIdentity | None:
    """Return the process that has this number now, or None."""
    stat = procfs.read_stat(pid)
    return None if stat is None else of(stat)


def of(stat: procfs.Stat) -> ProcessIdentity:
    """Return the process that the kernel described."""
    return ProcessIdentity(pid=stat.pid, start_ticks=stat.start_ticks, boot_id=procfs.boot_id())


def myself() -> ProcessIdentity:
    """Return this process."""
    stat = procfs.read_stat(os.getpid())
    assert stat is not None, "/proc shows no entry for the process that reads it"
    return of(stat)


def is_alive(identity: ProcessIdentity) -> bool:
    """Return whether exactly this process still runs. One that only waits to be reaped does not."""
    return _stat(identity) is not None


def send(identity: ProcessIdentity, signal: int) -> bool:
    """Send a signal to exactly this process; return False if it is no more.

    Raises:
        PermissionError: it belongs to somebody else.
    """
    if identity.boot_id != procfs.boot_id():
        return False
    return procfs.signal_process(identity.pid, identity.start_ticks, signal)


def descendants(identity: ProcessIdentity) -> list[ProcessIdentity]:
    """Return the live descendants of exactly this process, parents first."""
    if not is_alive(identity):
        return []
    stats = procfs.descendants(identity.pid)
    return [of(stat) for stat in stats if not stat.ended]


def describe(identity: ProcessIdentity) -> ProcessDescription | None:
    """Return what is known of exactly this process, or None if it is no more."""
    stat = _stat(identity)
    if stat is None:
        return None
    try:
        words = Path(f"/proc/{identity.pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return None
    uid = procfs.owner(identity.pid)
    if uid is None:
        return None
    return ProcessDescription(
        identity=identity,
        command=tuple(word.decode("utf-8", "replace") for word in words if words != [b""]),
        name=stat.name,
        owner=user_name(uid),
        uid=uid,
        parent=stat.parent,
        age=time.clock_gettime(time.CLOCK_BOOTTIME) - stat.start_ticks / procfs.TICKS_PER_SECOND,
        resident_bytes=stat.resident_bytes,
        kernel_thread=stat.kernel_thread,
    )


def usage(identity: ProcessIdentity) -> TreeUsage:
    """Return what this process and its descendants use now; zeros if it is no more."""
    own = _stat(identity)
    stats = [own, *procfs.descendants(identity.pid)] if own else []
    return TreeUsage(
        cpu_seconds=sum(stat.cpu_ticks for stat in stats) / procfs.TICKS_PER_SECOND,
        resident_bytes=sum(stat.resident_bytes for stat in stats),
        read_bytes=sum(procfs.read_bytes(stat.pid) for stat in stats),
        halted=tuple(of(stat) for stat in stats if stat.halted),
    )


def user_name(uid: int) -> str:
    """Return the name of a user, the number of one without a name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _stat(identity: ProcessIdentity) -> procfs.Stat | None:
    stat = procfs.read_stat(identity.pid)
    if stat is None or stat.ended or of(stat) != identity:
        return None
    return stat
