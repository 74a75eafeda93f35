"""Open loop: requests go out when they are due, whether or not the server has kept up."""

import time
from collections.abc import Iterator

from core.load.alarm import Alarm
from core.load.connections import Connections
from core.load.exchange import Exchange
from core.load.ledger import Ledger
from core.load.requests import Stock

AT_ONCE = 128
"""Most requests sent in a turn, until answers and orders are heard: a schedule that runs away from
the client must not keep it from being told to stop."""


class OpenLoop:
    """This worker's part of the schedule."""

    def __init__(
        self, connections: Connections, ledger: Ledger, stock: Stock, offsets: Iterator[float]
    ) -> None:
        """Send a request at each of `offsets`, in seconds from the start, in order."""
        self._connections = connections
        self._ledger = ledger
        self._stock = stock
        self._offsets = offsets
        self._alarm = Alarm(self._send_due)
        self._began = self._due = 0
        self.exhausted = False
        """Whether the schedule is at its end."""

    def start(self) -> None:
        """Begin with the schedule."""
        self._began = time.monotonic_ns()
        self._set_next()

    def stop(self) -> None:
        """Send no more."""
        self._alarm.close()

    def _send_due(self) -> None:
        for _ in range(AT_ONCE):
            if self.exhausted or self._due > time.monotonic_ns():
                break
            self._connections.send(self._stock.take(), self._due, self._ended)
            self._set_next()
        self._stock.top_up()
        self._connections.keep_spare()

    def _set_next(self) -> None:
        offset = next(self._offsets, None)
        if offset is None:
            self.exhausted = True
        else:
            self._due = self._began + int(offset * 1e9)
            self._alarm.set(self._due)

    def _ended(self, exchange: Exchange) -> None:
        self._ledger.rows.extend(exchange.row())
