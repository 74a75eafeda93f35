"""Processes that nobody looks after any more: found by what marks them as ours, and ended.

A process is left over when the mark in its environment names a guardian of this machine that is no
more, when it is the recorded server of such a guardian, or when it descends from one of these. So
nothing is touched that somebody still looks after, whichever run it belongs to, and nothing that
merely looks like a server.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.events import ProcessIdentity
from core.machine import identity, ownership, procfs

_PAUSE = 0.05


@dataclass(frozen=True)
class Launch:
    """A server that was once started, as the records have it."""

    marker: str
    server: ProcessIdentity
    guardian: ProcessIdentity


@dataclass(frozen=True)
class Leftover:
    """A process of ours without a living guardian."""

    identity: ProcessIdentity
    name: str
    marker: str
    """The launch it belongs to."""

    def __str__(self) -> str:
        return f"{self.name} (PID {self.identity.pid}) of {self.marker}"


@dataclass(frozen=True)
class Swept:
    """What became of the leftovers."""

    ended: tuple[Leftover, ...]
    remaining: tuple[Leftover, ...]
    """Those that outlived SIGKILL for as long as was waited."""


def find(launches: Iterable[Launch] = (), *, only: ProcessIdentity | None = None) -> list[Leftover]:
    """Return the leftovers of this user.

    Args:
        launches: recorded servers; those whose guardian lives are passed over.
        only: leave out what does not belong to this guardian.
    """
    recorded = {
        launch.server: launch.marker
        for launch in launches
        if only in {None, launch.guardian} and not identity.is_alive(launch.guardian)
    }
    untouchable = {os.getpid(), *procfs.ancestors(os.getpid())}
    found: dict[int, Leftover] = {}
    for stat in procfs.all_stats():
        if stat.ended or stat.kernel_thread or stat.pid in untouchable:
            continue
        # The mark is read after the start: should the number change hands in between, the start
        # is that of a process that is gone, and no signal will find it.
        process = identity.of(stat)
        known = process in recorded
        marker = recorded[process] if known else _orphaned_marker(stat.pid, only)
        if marker is not None:
            found[stat.pid] = Leftover(process, stat.name, marker)
    for leftover in list(found.values()):
        for stat in procfs.descendants(leftover.identity.pid):
            if not stat.ended and stat.pid not in untouchable:
                unmarked = Leftover(identity.of(stat), stat.name, leftover.marker)
                found.setdefault(stat.pid, unmarked)
    return list(found.values())


def end(
    launches: Sequence[Launch] = (),
    *,
    only: ProcessIdentity | None = None,
    grace: float = 5.0,
    patience: float = 10.0,
) -> Swept:
    """End the leftovers, and those they fork meanwhile. Blocks: call it in a thread.

    Args:
        launches: see `find`.
        only: see `find`.
        grace: seconds from SIGTERM to SIGKILL.
        patience: seconds to wait after that for the last to be gone.
    """
    began = time.monotonic()
    seen: dict[ProcessIdentity, Leftover] = {}
    while True:
        living = {leftover.identity: leftover for leftover in find(launches, only=only)}
        living |= {who: leftover for who, leftover in seen.items() if identity.is_alive(who)}
        elapsed = time.monotonic() - began
        if not living or elapsed > grace + patience:
            gone = tuple(leftover for who, leftover in seen.items() if who not in living)
            return Swept(ended=gone, remaining=tuple(living.values()))
        for who in living:
            if elapsed > grace or who not in seen:
                with contextlib.suppress(PermissionError):  # it has changed its user since
                    identity.send(who, signal.SIGKILL if elapsed > grace else signal.SIGTERM)
        seen |= living
        time.sleep(_PAUSE)


def _orphaned_marker(pid: int, only: ProcessIdentity | None) -> str | None:
    mark = ownership.read(pid)
    if mark is None or not mark.of_this_place or os.geteuid() != procfs.owner(pid):
        return None
    guardian = ProcessIdentity(
        pid=mark.guardian_pid, start_ticks=mark.guardian_start_ticks, boot_id=mark.boot_id
    )
    if only not in {None, guardian} or identity.is_alive(guardian):
        return None
    return mark.marker
