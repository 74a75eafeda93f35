"""A server's address, and a connection to it that has one request under way at most.

`StreamConnection` goes through the event loop: under TLS, and where the kernel gives no arrival
times. Its stamp is the clock at the very beginning of the read callback. Plain connections on Linux
know better: `core.load.stamped`.
"""

import asyncio
import os
import socket
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

from core.load.exchange import Exchange, Request
from core.load.ledger import Ledger

_SocketAddress: TypeAlias = tuple[Any, ...]
OnEnd: TypeAlias = Callable[[Exchange], None]
OnIdleLoss: TypeAlias = Callable[["Connection"], None]


def tls_context(verify: bool) -> ssl.SSLContext:
    """Return whom to trust: whom this machine does, or SSL_CERT_FILE; anyone without `verify`."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Address:
    """A server's address, looked up once, before any clock starts."""

    def __init__(self, base_url: str, *, verify_tls: bool = True) -> None:
        parts = urlsplit(base_url)
        assert parts.hostname is not None
        self.host = parts.hostname
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.prefix = parts.path.rstrip("/")
        self.tls = tls_context(verify_tls) if parts.scheme == "https" else None
        self.authority = parts.netloc.rpartition("@")[2]
        self._known: tuple[socket.AddressFamily, _SocketAddress] | None = None

    async def connect(self) -> socket.socket:
        """Return a connected, non-blocking socket without Nagle's delay.

        Raises:
            OSError: the name is unknown, or no address of it takes a connection.
        """
        if self._known is not None:
            return await _connect(*self._known)
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        refusal: OSError = OSError(f"{self.host} has no address")
        for family, _, _, _, address in found:
            try:
                connected = await _connect(family, address)
            except OSError as error:
                refusal = error
            else:
                self._known = family, address
                return connected
        raise refusal


async def _connect(family: socket.AddressFamily, address: _SocketAddress) -> socket.socket:
    connected = socket.socket(family, socket.SOCK_STREAM)
    connected.settimeout(0)
    try:
        await asyncio.get_running_loop().sock_connect(connected, address)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connected.close()
        raise
    return connected


def reason(error: OSError) -> str:
    """Return why a connection failed, in the system's words."""
    if error.errno and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno)
    return str(error) or "no answer in time"


class Connection(ABC):
    """One connection, with at most one request under way on it."""

    def __init__(self, ledger: Ledger, on_idle_loss: OnIdleLoss) -> None:
        self.exchange: Exchange | None = None
        self.answered = 0
        """Answers that were completed on it."""
        self.closed = False
        self._ledger = ledger
        self._on_idle_loss = on_idle_loss
        self._on_end: OnEnd | None = None

    def ask(self, request: Request, due: int, on_end: OnEnd) -> None:
        """Send `request`, which is due at that moment; call `on_end` once it is over, later."""
        self._on_end = on_end
        self.exchange = Exchange(request, due, time.monotonic_ns(), self._ledger)
        self._write(request.wire)

    def give_up(self, ending: int, why: str) -> None:
        """End the request under way as failed, and close the connection."""
        exchange = self.exchange
        if exchange is not None:
            exchange.fail(ending, time.monotonic_ns(), why)
            self._ended(exchange)

    def close(self) -> None:
        """Close at once. A request under way is dropped without a word."""
        self.exchange = None
        if not self.closed:
            self.closed = True
            self._shut()

    def _received(self, data: bytes, stamp: int, lag: int) -> None:
        exchange = self.exchange
        if exchange is None:
            self._lost("the server spoke out of turn")
            return
        exchange.feed(data, stamp, lag)
        if exchange.ending is not None:
            self._ended(exchange)

    def _lost(self, why: str) -> None:
        exchange = self.exchange
        self.close()
        if exchange is None:
            self._on_idle_loss(self)
        else:
            exchange.lost(time.monotonic_ns(), why)
            self._ended(exchange)

    def _ended(self, exchange: Exchange) -> None:
        self.exchange = None
        self.answered += 1
        if not exchange.keeps_alive:
            self.close()
        assert self._on_end is not None
        self._on_end(exchange)

    @abstractmethod
    def _write(self, data: bytes) -> None: ...

    @abstractmethod
    def _shut(self) -> None: ...


class StreamConnection(Connection, asyncio.Protocol):
    """A connection through the event loop: under TLS, or where the kernel gives no stamps."""

    _transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's TLS one is no subclass

    def data_received(self, data: bytes) -> None:
        stamp = time.monotonic_ns()
        if not self.closed:
            self._received(data, stamp, 0)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed:
            self._lost(str(exc) if exc else "the server closed the connection")

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def _shut(self) -> None:
        if self._transport is not None:
            self._transport.abort()
