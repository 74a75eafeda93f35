"""The pool of connections: open before the clock starts, opened anew when a server drops them.

Some servers promise keep-alive and close the connection after a streamed answer. A request that was
written to such a dead connection, and got not a single byte back, is sent again on a fresh one: it
never reached the model. Once that has happened a few times, every request gets a fresh connection.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from core.load.exchange import Exchange, Request
from core.load.ledger import Ledger
from core.load.records import Ending
from core.load.stamped import KERNEL_STAMPS, Poller, StampedConnection
from core.load.wire import Address, Connection, StreamConnection, reason

AT_ONCE = 128
"""Most connections being opened at the same time."""

DROPS_TOLERATED = 3
"""Requests lost to dead connections before none is used twice, unless they are few among many."""

MERGES_TOLERATED = 0.05
"""Share of a stream's tokens that may be read with the one before while readings wait."""

SPARE = 4
"""Idle connections that an open loop keeps."""

CONNECT_TIMEOUT = 30.0
"""Seconds until an attempt to connect has failed."""

OnEnd: TypeAlias = Callable[[Exchange], None]


class Connections:
    """Connections to one server, and the requests under way on them."""

    def __init__(
        self,
        address: Address,
        ledger: Ledger,
        *,
        kernel_stamps: bool = True,
        patient: bool = True,
    ) -> None:
        """Connect to `address` when asked to.

        Args:
            kernel_stamps: whether to take arrival times from the kernel where it has them.
            patient: whether readings may wait a moment for each other, as they may where nothing
                else waits for its turn.
        """
        self._address = address
        self.ledger = ledger
        self.stamped = kernel_stamps and KERNEL_STAMPS and address.tls is None
        """Whether arrival times come from the kernel."""
        self._poller = Poller() if self.stamped else None
        self._patient = patient
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._waiting: dict[asyncio.Task[None], int] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._reused = 0
        self._closed = False
        self.opened = 0
        """Connections opened so far."""
        self.dropped = 0
        """Requests that were sent again, because the server had dropped their connection."""

    @property
    def single_use(self) -> bool:
        """Whether the server has shown that it drops connections after an answer."""
        return self.dropped > DROPS_TOLERATED and self.dropped * 4 > self._reused

    async def open(self, count: int) -> None:
        """Have at least `count` connections ready.

        Raises:
            OSError: the server takes no connection.
        """
        missing = count - len(self._idle)
        self._idle += await asyncio.gather(*(self._open() for _ in range(missing)))

    def send(self, request: Request, due: int | None, on_end: OnEnd) -> None:
        """Send a request, on an idle connection or a new one.

        Args:
            due: when it should be sent, in nanoseconds. None: as soon as a connection is there.
            on_end: gets the exchange when it is over, never before `send` returns.
        """
        if self._closed:
            return
        if due is not None:
            self.ledger.begun.append(due)
        if self._idle:
            self._ask(self._idle.pop(), request, due, on_end)
        else:
            self._ask_on_new(request, due, on_end)

    def keep_spare(self) -> None:
        """Open a connection ahead of need, where the server keeps them alive."""
        if len(self._idle) + len(self._waiting) < SPARE and not self.single_use:

            async def open_one() -> None:
                with contextlib.suppress(OSError):  # whoever needs one will find out
                    self._idle.append(await self._open())

            self._wait_for(open_one(), 0)

    def in_flight(self) -> list[int]:
        """Return when each request under way was due, in nanoseconds."""
        asked = [connection.exchange.due for connection in self._busy if connection.exchange]
        return asked + [due for due in self._waiting.values() if due]

    def give_up(self, due_before: int) -> None:
        """End as timed out whatever is under way, and was due before that moment."""
        for connection in list(self._busy):
            if connection.exchange is not None and connection.exchange.due < due_before:
                connection.give_up(Ending.TIMEOUT, "no end within the request time-out")

    def close(self) -> None:
        """Close everything at once. Requests under way are dropped without a word."""
        if self._closed:
            return
        self._closed = True
        for task in self._waiting:
            task.cancel()
        for connection in [*self._idle, *self._busy]:
            connection.close()
        self._idle.clear()
        self._busy.clear()
        if self._poller is not None:
            self._poller.close()

    def _ask(
        self, connection: Connection, request: Request, due: int | None, on_end: OnEnd
    ) -> None:
        if due is None:
            due = time.monotonic_ns()
            self.ledger.begun.append(due)
        if connection.answered:
            self._reused += 1
        self._busy.add(connection)

        def ended(exchange: Exchange) -> None:
            self._busy.discard(connection)
            self._learn_from(exchange)
            if exchange.unanswered and connection.answered > 1:
                self.dropped += 1
                self._ask_on_new(request, exchange.due, on_end)
                return
            if not connection.closed:
                if self.single_use:
                    connection.close()
                else:
                    self._idle.append(connection)
            on_end(exchange)

        connection.ask(request, due, ended)

    def _learn_from(self, exchange: Exchange) -> None:
        gaps = exchange.answer.chunks - 1
        if self._patient and self._poller is not None and gaps > 0:
            merged = exchange.merged > MERGES_TOLERATED * gaps
            gap = (exchange.last - exchange.first) // gaps
            self._poller.expect_gaps(gap, exchange.end - exchange.due, merged=merged)

    def _ask_on_new(self, request: Request, due: int | None, on_end: OnEnd) -> None:
        async def open_and_ask() -> None:
            try:
                connection = await self._open()
            except OSError as error:
                now = time.monotonic_ns()
                if due is None:
                    self.ledger.begun.append(now)
                exchange = Exchange(request, due or now, now, self.ledger)
                exchange.fail(Ending.CONNECTION_REFUSED, now, reason(error))
                on_end(exchange)
            else:
                self._ask(connection, request, due, on_end)

        self._wait_for(open_and_ask(), due or 0)

    def _wait_for(self, opening: Coroutine[Any, Any, None], due: int) -> None:
        task = asyncio.get_running_loop().create_task(opening)
        self._waiting[task] = due
        task.add_done_callback(self._waiting.pop)

    async def _open(self) -> Connection:
        async with self._gate, asyncio.timeout(CONNECT_TIMEOUT):
            connected = await self._address.connect()
            self.opened += 1
            if self._poller is not None:
                return StampedConnection(connected, self._poller, self.ledger, self._forget)
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: StreamConnection(self.ledger, self._forget),
                sock=connected,
                ssl=self._address.tls,
                server_hostname=self._address.host if self._address.tls else None,
            )
            return connection

    def _forget(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
