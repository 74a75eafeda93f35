"""Closed loop: a fixed number of slots, each sending its next request when it has its answer."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

from core.load.connections import Connections
from core.load.exchange import Exchange, Request
from core.load.ledger import Ledger
from core.load.records import Ending

PAUSE = 0.1
"""Seconds a slot waits after a failed connection, so that a dead server is not besieged."""

Following: TypeAlias = Callable[[Exchange], tuple[Request, float]]
"""Gives the request that follows on an exchange, and the seconds until it is to be sent."""


class ClosedLoop:
    """The slots of this worker."""

    exhausted = False

    def __init__(
        self,
        connections: Connections,
        ledger: Ledger,
        openings: Sequence[Request],
        following: Following,
    ) -> None:
        """Have one slot for each of `openings`, the requests that the slots start with."""
        self._connections = connections
        self._ledger = ledger
        self._openings = openings
        self._following = following

    def start(self) -> None:
        """Send the first request of every slot."""
        for request in self._openings:
            self._send(request)

    def stop(self) -> None:
        """Nothing is left to stop once the connections are closed."""

    def _send(self, request: Request) -> None:
        self._connections.send(request, None, self._ended)

    def _ended(self, exchange: Exchange) -> None:
        self._ledger.rows.extend(exchange.row())
        request, pause = self._following(exchange)
        if exchange.ending in {Ending.CONNECTION_REFUSED, Ending.CONNECTION_RESET}:
            pause = max(pause, PAUSE)
        if pause > 0:
            asyncio.get_running_loop().call_later(pause, self._send, request)
        else:
            self._send(request)
