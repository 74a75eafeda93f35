"""The open loop's schedule, with a pool of connections that only counts."""

import asyncio
import itertools
import time

from core.load.connections import Connections, OnEnd
from core.load.exchange import Request
from core.load.ledger import Ledger
from core.load.open_loop import AT_ONCE, OpenLoop
from core.load.requests import Stock
from core.load.wire import Address


class Counting(Connections):
    """Sends nothing."""

    sent = 0

    def __init__(self, address: Address, ledger: Ledger) -> None:
        super().__init__(address, ledger)
        self.dues: list[int | None] = []

    def send(self, request: Request, due: int | None, on_end: OnEnd) -> None:
        self.sent += 1
        self.dues.append(due)

    def keep_spare(self) -> None:
        """There are none."""


async def test_a_schedule_that_runs_away_from_the_client_leaves_others_their_turn() -> None:
    ledger = Ledger()
    connections = Counting(Address("http://127.0.0.1:1"), ledger)
    stock = Stock(itertools.repeat(Request(b"", 1, 1)), 1)
    loop = OpenLoop(connections, ledger, stock, itertools.repeat(0.0, 20 * AT_ONCE))
    loop.start()
    most = 0
    while not loop.exhausted:
        before = connections.sent
        await asyncio.sleep(0)
        most = max(most, connections.sent - before)
    loop.stop()
    connections.close()
    assert connections.sent == 20 * AT_ONCE
    assert most == AT_ONCE


async def test_a_late_send_delays_no_other_and_changes_not_when_it_was_due() -> None:
    ledger = Ledger()
    connections = Counting(Address("http://127.0.0.1:1"), ledger)
    stock = Stock(itertools.repeat(Request(b"", 1, 1)), 1)
    offsets = [0.0, 0.01, 0.012, 0.015, 0.06]
    loop = OpenLoop(connections, ledger, stock, iter(offsets))
    loop.start()
    time.sleep(0.03)  # noqa: ASYNC251  # the loop is late for all but the last
    while not loop.exhausted:  # noqa: ASYNC110  # each pass of the loop is the work
        await asyncio.sleep(0)
    loop.stop()
    connections.close()
    first, *_ = dues = [due for due in connections.dues if due is not None]
    assert [due - first for due in dues] == [int(offset * 1e9) for offset in offsets]
