"""Ports for servers on the loopback address: a free one that is nobody else's, and who has one.

A port is chosen well below those that the kernel hands to outgoing connections: a load test makes
thousands of these, and one of them could take the server's port before the server does.
"""

import contextlib
import random
import socket
import sys
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from types import TracebackType
from typing import Self

from core.errors import HostError
from core.events import ProcessIdentity
from core.machine import identity

_FIRST = 20_000
_FALLBACK_END = 32_768
_LISTEN = "0A"


class ReservedPort:
    """A free port that no other run of this machine will choose until this object is closed.

    The claim is an abstract Unix socket: known to the whole machine (to be exact, to the network
    namespace, as ports are), gone with the process, and in no server's way.
    """

    def __init__(self, number: int, claim: socket.socket) -> None:
        self.number = number
        self._claim = claim

    def close(self) -> None:
        """Let others choose the port again."""
        self._claim.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def reserve_port() -> ReservedPort:
    """Return a port on which nobody listens and which no other run was given.

    Raises:
        HostError: there is none.
    """
    numbers = range(_FIRST, max(_FIRST + 1000, _first_ephemeral_port()))
    for number in random.sample(numbers, len(numbers)):
        claim = _claim(number)
        if claim is None:
            continue
        if _can_be_bound(number):
            return ReservedPort(number, claim)
        claim.close()
    raise HostError(f"no port from {numbers[0]} to {numbers[-1]} is free on this machine")


def is_listening(port: int) -> bool:
    """Return whether any process listens on that port, on whichever local address."""
    return bool(_listening_sockets(port))


def listener(port: int) -> ProcessIdentity | None:
    """Return a process that listens on that port; None if nobody does or it is not ours to see."""
    wanted = {f"socket:[{inode}]" for inode in _listening_sockets(port)}
    if not wanted:
        return None
    for folder in Path("/proc").glob("[0-9]*"):
        if wanted & _open_files(folder):
            return identity.identify(int(folder.name))
    return None


@dataclass(frozen=True)
class Listening:
    """A TCP port that somebody listens on."""

    port: int
    loopback: bool
    """Whether only this machine reaches it."""
    process: ProcessIdentity | None
    """None if it is not ours to see."""


def listening() -> tuple[Listening, ...]:
    """Return every port that is listened on, with one process that does, the lowest port first."""
    sockets = _all_listening()
    owners: dict[str, int] = {}
    wanted = {f"socket:[{inode}]": inode for inode in sockets}
    for folder in Path("/proc").glob("[0-9]*"):
        for name in wanted.keys() & _open_files(folder):
            owners.setdefault(wanted[name], int(folder.name))
    found = {
        (port, loopback): owners.get(inode) for inode, (port, loopback) in sorted(sockets.items())
    }
    return tuple(
        Listening(port, loopback, None if pid is None else identity.identify(pid))
        for (port, loopback), pid in sorted(found.items())
    )


def _open_files(process: Path) -> set[str]:
    names = set()
    with contextlib.suppress(OSError):
        for entry in (process / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                names.add(str(entry.readlink()))
    return names


def _claim(number: int) -> socket.socket | None:
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0autotuner-port-{number}")
    except OSError:
        claim.close()
        return None
    return claim


def _can_be_bound(number: int) -> bool:
    # On every address, and without SO_REUSEADDR: a port with any past or present is left alone.
    with socket.socket() as probe:
        try:
            probe.bind(("", number))
        except OSError:
            return False
    return True


def _first_ephemeral_port() -> int:
    try:
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
        return int(text.split()[0])
    except (OSError, ValueError):
        return _FALLBACK_END


def _listening_sockets(port: int) -> set[str]:
    """Return the inodes of the sockets that listen on a port."""
    return {inode for inode, (number, _) in _all_listening().items() if number == port}


def _all_listening() -> dict[str, tuple[int, bool]]:
    """Return port and whether it is a loopback address, by the inode of each listening socket.

    See proc(5), /proc/net/tcp: addresses are words of the host's byte order in hexadecimal.
    """
    sockets: dict[str, tuple[int, bool]] = {}
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with contextlib.suppress(FileNotFoundError), table.open(encoding="ascii") as lines:
            next(lines)
            for line in lines:
                fields = line.split()
                address, _, port = fields[1].rpartition(":")
                if fields[3] == _LISTEN:
                    sockets[fields[9]] = (int(port, 16), _is_loopback(address))
    return sockets


def _is_loopback(address: str) -> bool:
    words = [address[at : at + 8] for at in range(0, len(address), 8)]
    raw = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
    ip = ip_address(raw)
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return (mapped or ip).is_loopback
