"""Which processes of this machine are ours, which are left over, and who listens on which port.

Only reads `/proc`. What is ours is told by the mark that the guardian puts into the environment of
everything it starts (`core.machine.ownership`), never by a name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from core.events import ProcessIdentity
from core.machine import identity, ownership, ports, procfs
from core.machine.identity import ProcessDescription
from core.machine.ownership import Ownership

Standing: TypeAlias = Literal["ours", "leftover", "foreign"]
"""`leftover`: one of ours whose guardian is gone, so that nobody looks after it any more."""


@dataclass(frozen=True)
class Group:
    """The processes of one launched server, or one foreign process that listens on a port."""

    standing: Standing
    marker: str
    """The launch: task's id and experiment, `17/3`; empty for a foreign one."""
    guardian: ProcessIdentity | None
    """Who looks after it, or did."""
    processes: tuple[ProcessDescription, ...]
    """Parents before children; at least one."""
    ports: tuple[ports.Listening, ...]

    @property
    def root(self) -> ProcessDescription:
        """The process that the others come from."""
        return self.processes[0]

    @property
    def resident_bytes(self) -> int:
        """Resident memory of all of them, shared pages counted once for each."""
        return sum(process.resident_bytes for process in self.processes)


def take() -> tuple[Group, ...]:
    """Return ours first, then what is left over, then every other process that listens."""
    listening: dict[int, list[ports.Listening]] = {}
    for socket in ports.listening():
        if socket.process is not None:
            listening.setdefault(socket.process.pid, []).append(socket)
    marked: dict[tuple[str, int, int], tuple[Ownership, list[ProcessDescription]]] = {}
    foreign: list[ProcessDescription] = []
    for stat in procfs.all_stats():
        if stat.ended or stat.kernel_thread:
            continue
        mark = ownership.read(stat.pid)
        who = identity.describe(identity.of(stat))
        if who is None:
            continue
        if mark is not None and mark.of_this_place:
            key = (mark.marker, mark.guardian_pid, mark.guardian_start_ticks)
            marked.setdefault(key, (mark, []))[1].append(who)
        elif stat.pid in listening:
            foreign.append(who)
    groups = [_server(mark, found, listening) for mark, found in marked.values()]
    groups += [
        Group("foreign", "", None, (who,), tuple(listening[who.identity.pid])) for who in foreign
    ]
    return tuple(sorted(groups, key=_order))


def _server(
    mark: Ownership,
    found: Sequence[ProcessDescription],
    listening: dict[int, list[ports.Listening]],
) -> Group:
    guardian = ProcessIdentity(
        pid=mark.guardian_pid, start_ticks=mark.guardian_start_ticks, boot_id=mark.boot_id
    )
    oldest_first = sorted(found, key=lambda who: who.identity.start_ticks)
    return Group(
        standing="ours" if identity.is_alive(guardian) else "leftover",
        marker=mark.marker,
        guardian=guardian,
        processes=tuple(oldest_first),
        ports=tuple(p for who in oldest_first for p in listening.get(who.identity.pid, ())),
    )


def _order(group: Group) -> tuple[int, int]:
    standings: dict[Standing, int] = {"ours": 0, "leftover": 1, "foreign": 2}
    lowest = min((socket.port for socket in group.ports), default=0)
    return standings[group.standing], lowest or group.root.identity.pid
