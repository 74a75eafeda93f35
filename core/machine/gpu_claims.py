"""Claims on GPUs that the whole machine knows of, whoever's home the runs are kept in.

A lease is a row of one store, so runs of two users do not see each other's. A claim is an abstract
Unix socket named after the GPU: exclusive between all users (to be exact, within the network
namespace, so that a container of its own sees none), and gone with the process that holds it.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterable

from core.errors import HostError
from core.machine import identity

_BACKLOG = 128
_CREDENTIALS = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid


class GpuClaim:
    """The hold of this process on some GPUs, until it is closed."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def take(self, uuids: Iterable[str]) -> bool:
        """Claim all of these GPUs, or none where somebody has one of them.

        Raises:
            HostError: this machine knows no such claims.
        """
        for uuid in uuids:
            claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._sockets.append(claim)
            try:
                claim.bind(_name(uuid))
                claim.listen(_BACKLOG)
            except OSError as error:
                self.close()
                if error.errno == errno.EADDRINUSE:
                    return False
                raise HostError(f"GPU {uuid} cannot be claimed: {error.strerror}") from None
        return True

    def close(self) -> None:
        """Let others have them again."""
        for claim in self._sockets:
            claim.close()
        self._sockets.clear()


def claimed_by_another(uuid: str) -> str | None:
    """Return who else has claimed a GPU, in words; None: nobody, or this process itself."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0)
        try:
            probe.connect(_name(uuid))
        except BlockingIOError:
            return "another run on this machine"  # that many have asked before
        except OSError:
            return None
        said = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(said)
    if pid == os.getpid():
        return None
    who = f"PID {pid}, " if pid else ""  # another container's has no number here
    return f"another run on this machine ({who}{identity.user_name(uid)})"


def _name(uuid: str) -> str:
    return f"\0autotuner-gpu-{uuid}"
