"""Ports for servers on the loopback address: a free one that is nobody else's, and who has one.

A port is chosen well below those that the kernel hands to outgoing connections: a load test makes
thousands of these, and one of them could take the server's port before the server does.
"""

import contextlib
import random
import socket
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
    """Return the inodes of the sockets that listen on a port; see proc(5), /proc/net/tcp."""
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with contextlib.suppress(FileNotFoundError), table.open(encoding="ascii") as lines:
            next(lines)
            for line in lines:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(fields[9])
    return inodes
