"""A worker's part of a level's load, put together: what is sent, and when."""

import itertools
from collections.abc import Iterator

import numpy as np

from core.errors import UsageError
from core.load.arrivals import schedule
from core.load.closed_loop import ClosedLoop
from core.load.connections import Connections
from core.load.conversations import Conversations
from core.load.datasets import samples
from core.load.exchange import Exchange, Request
from core.load.files import local, records
from core.load.ledger import Ledger
from core.load.open_loop import OpenLoop
from core.load.protocol import Prepare
from core.load.requests import RequestWriter, Stock, opening_shares
from core.load.sources import Draft, dataset_drafts, prefixed_drafts, random_drafts, trace_drafts
from core.load.traces import recorded
from core.load.vocabulary import Vocabulary

OPEN_SPARE = 1.0
"""Seconds of arrivals for which an open loop has connections ready at the start."""
MOST_SPARE = 256


def share(total: int, order: Prepare) -> int:
    """Return this worker's part of a whole number, so that all parts add up."""
    return (total + order.workers - 1 - order.worker) // order.workers


class Traffic:
    """All that one worker sends for a level."""

    def __init__(
        self, order: Prepare, vocabulary: Vocabulary, connections: Connections, ledger: Ledger
    ) -> None:
        """Read the files that are needed, and write the requests.

        Raises:
            HostError: a file cannot be read.
            UsageError: a file is not understood.
        """
        plan = order.plan
        self._order = order
        self._rng = np.random.default_rng([plan.seed, plan.index, order.round, order.worker])
        self._vocabulary = vocabulary
        self._writer = RequestWriter(order.target)
        self._connections = connections
        self._ledger = ledger
        self.loop: ClosedLoop | OpenLoop
        self.connections_wanted: int
        """Connections to have open before the load begins."""
        if plan.level.concurrency is not None:
            self.connections_wanted = share(plan.level.concurrency, order)
            self.loop = self._closed_loop(self.connections_wanted)
        else:
            self.loop, rate = self._open_loop()
            expected = rate / order.workers * OPEN_SPARE
            self.connections_wanted = min(MOST_SPARE, 1 + round(expected))

    def _closed_loop(self, slots: int) -> ClosedLoop:
        plan, writer = self._order.plan, self._writer
        shares = opening_shares(slots, self._rng)
        drafts = self._drafts()
        if plan.conversation is not None:
            talk = Conversations(plan.conversation, drafts, writer, self._rng)
            openings = [talk.opening(share) for share in shares]
            return ClosedLoop(self._connections, self._ledger, openings, talk.following)
        openings = [writer.request(next(drafts), share=share) for share in shares]
        stock = Stock(map(writer.request, drafts), self._expected() + 4 * slots)

        def following(exchange: Exchange) -> tuple[Request, float]:  # noqa: ARG001
            stock.top_up()
            return stock.take(), 0.0

        return ClosedLoop(self._connections, self._ledger, openings, following)

    def _open_loop(self) -> tuple[OpenLoop, float]:
        """Return the loop, and the mean rate of all workers together, in requests per second."""
        order, plan = self._order, self._order.plan
        if plan.trace is not None:
            assert plan.level.trace_speed is not None
            requests = recorded(records(local(plan.trace)), speed=plan.level.trace_speed)
            mine = requests[order.worker :: order.workers]
            drafts = trace_drafts(plan, mine, self._vocabulary, self._rng)
            offsets = iter([request.offset for request in mine])
            rate = len(requests) / max(1.0, requests[-1].offset)
        else:
            assert plan.level.request_rate is not None
            rate = plan.level.request_rate
            drafts = self._drafts()
            # All workers draw the same schedule, and each keeps its own part of it.
            common = np.random.default_rng([plan.seed, plan.index, order.round])
            every = schedule(plan.arrivals, rate, plan.longest, common)
            offsets = itertools.islice(every, order.worker, None, order.workers)
        stock = Stock(map(self._writer.request, drafts), 2 * self._expected())
        return OpenLoop(self._connections, self._ledger, stock, offsets), rate

    def _expected(self) -> int:
        return share(self._order.plan.requests, self._order)

    def _drafts(self) -> Iterator[Draft]:
        order, plan = self._order, self._order.plan
        if plan.shared_prefix is not None:
            return prefixed_drafts(plan, plan.shared_prefix, self._vocabulary, self._rng)
        if (dataset := plan.dataset) is None:
            return random_drafts(plan, self._vocabulary, self._rng)
        found, _ = samples(
            records(local(dataset.source), most_bytes=dataset.most_mib << 20),
            deduplicate=dataset.deduplicate,
        )
        if len(found) < order.workers:
            raise UsageError(f"{dataset.source} holds no prompts")
        return dataset_drafts(plan, found, self._rng, part=order.worker, parts=order.workers)
