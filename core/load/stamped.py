"""Plain connections that know when bytes arrived, not merely when they were read.

Linux keeps the arrival time of what a socket holds (SO_TIMESTAMPNS). A worker that is late, because
it is busy or the machine is, so still reports when the server's tokens came, and knows how late it
was. Of bytes that are read together, the time is that of the last to arrive.

All these sockets are in one epoll set of their own, which the event loop watches as a single file
descriptor: one wake-up serves every socket that is ready.
"""

import asyncio
import select
import socket
import struct
import sys
import time

from core.load.ledger import Ledger
from core.load.wire import Connection, OnIdleLoss, reason

KERNEL_STAMPS = sys.platform == "linux" and struct.calcsize("l") == 8
"""Whether there are arrival times here, in the layout that is read below."""

SO_TIMESTAMPNS = 35
"""From <asm-generic/socket.h>; the socket module does not name it."""
_TIMESPEC = struct.Struct("qq")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size)
_ABSURD = 10_000_000_000
"""Nanoseconds. No reading is so late: the wall clock was set in between."""
_READ = 16384
_READY = 1024
"""Most sockets served in one round, so that other callbacks get their turn."""
_LEAST_PATIENCE, _MOST_PATIENCE = 1_000_000, 8_000_000
"""Nanoseconds. The event loop's timers count in milliseconds."""


class Poller:
    """The set of plain sockets, served together in rounds."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._connections: dict[int, StampedConnection] = {}
        self._loop = asyncio.get_running_loop()
        self._served = self._patience = 0
        self._share = 0.5
        self._next_round: asyncio.TimerHandle | None = None
        self._watch()

    def expect_gaps(self, gap: int, whole: int, *, merged: bool) -> None:
        """Take in that tokens of a stream come `gap` nanoseconds apart, in an answer of `whole`.

        From now on, rounds that would follow one another within half of that are put off. Else
        every token would wake the process by itself. Arrival times are the kernel's anyhow, so the
        wait costs no accuracy, and it saves a third of the CPU. Nor does it cost load: a slot that
        waits for its next request does so for at most a hundredth of it.

        Args:
            merged: whether tokens of the stream were read together: some come closer than that.
                Then the wait is halved, for good, lest it be the cause.
        """
        if merged:
            self._share /= 2
        patience = min(int(gap * self._share), whole // 100, _MOST_PATIENCE)
        self._patience = patience if patience >= _LEAST_PATIENCE else 0

    def add(self, fd: int, connection: "StampedConnection") -> None:
        """Serve this socket too."""
        self._connections[fd] = connection
        self._epoll.register(fd, select.EPOLLIN)

    def watch_writing(self, fd: int, *, wanted: bool) -> None:
        """Say whether the socket has bytes left to write."""
        self._epoll.modify(fd, select.EPOLLIN | (select.EPOLLOUT if wanted else 0))

    def remove(self, fd: int) -> None:
        """Serve it no longer."""
        del self._connections[fd]
        self._epoll.unregister(fd)

    def close(self) -> None:
        """Serve nothing any more."""
        if self._next_round is None:
            self._loop.remove_reader(self._epoll.fileno())
        else:
            self._next_round.cancel()
        self._epoll.close()

    def _watch(self) -> None:
        """Have a round as soon as anything is ready."""
        self._next_round = None
        self._loop.add_reader(self._epoll.fileno(), self._serve)

    def _serve(self) -> None:
        connection_of = self._connections.get
        ready = self._epoll.poll(0, _READY)
        for fd, events in ready:
            connection = connection_of(fd)
            if connection is None:  # an earlier one in this round closed it
                continue
            if events & select.EPOLLOUT:
                connection.writable()
            if events & ~select.EPOLLOUT:
                connection.readable()
        before, self._served = self._served, time.monotonic_ns()
        if self._next_round is None:
            if self._served - before >= self._patience:
                return
            self._loop.remove_reader(self._epoll.fileno())
        elif not ready or not self._patience:
            self._watch()
            return
        self._next_round = self._loop.call_later(self._patience / 1e9, self._serve)


class StampedConnection(Connection):
    """A plain connection whose readings carry the kernel's arrival time."""

    def __init__(
        self, connected: socket.socket, poller: Poller, ledger: Ledger, on_idle_loss: OnIdleLoss
    ) -> None:
        super().__init__(ledger, on_idle_loss)
        connected.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket = connected
        self._poller = poller
        self._unwritten = b""
        poller.add(connected.fileno(), self)

    def readable(self) -> None:
        """Read what has arrived, as of the moment it arrived."""
        try:
            data, ancillary, _, _ = self._socket.recvmsg(_READ, _ANCILLARY)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(reason(error))
            return
        wall, now = time.time_ns(), time.monotonic_ns()  # as near to one another as can be
        lag = 0
        if ancillary:
            seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
            lag = wall - seconds * 1_000_000_000 - nanoseconds
            if not 0 <= lag < _ABSURD:
                lag = 0
            self._ledger.lags.append(lag)
        if data:
            self._received(data, now - lag, lag)
        else:
            self._lost("the server closed the connection")

    def writable(self) -> None:
        """Write on where the last write stopped."""
        self._poller.watch_writing(self._socket.fileno(), wanted=False)
        self._write(self._unwritten)

    def _write(self, data: bytes) -> None:
        self._unwritten = b""
        try:
            written = self._socket.send(data)
        except BlockingIOError:
            written = 0
        except OSError as error:
            # Later: whoever asked does not expect the end before `ask` has returned.
            asyncio.get_running_loop().call_soon(self._lost_if_open, reason(error))
            return
        if written < len(data):
            self._unwritten = data[written:]
            self._poller.watch_writing(self._socket.fileno(), wanted=True)

    def _lost_if_open(self, why: str) -> None:
        if not self.closed:
            self._lost(why)

    def _shut(self) -> None:
        self._poller.remove(self._socket.fileno())
        self._socket.close()
