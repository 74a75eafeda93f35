"""When the load of a level is warm, and since when. Pure.

A closed loop is warm once every slot has had its opening request, which is shortened so that slots
do not march in step, and throughput since then passes the test of `core.load.stationarity`. Batches
are a quarter of a request long, so that in each about a quarter of the slots turn over; with
fewer than four slots they are longer, so that about one does.

In open loop throughput follows the arrivals, and says nothing. There the load is warm once the ramp
is over and the requests under way do not evidently grow in number any more, and at the latest when
as many requests have begun since the ramp as are to be measured: a load beyond the server's
capacity never gets warm.
"""

from dataclasses import dataclass

import numpy as np

from core.load.histogram import Floats, Integers
from core.load.ledger import SLICE
from core.load.observations import Observations
from core.load.plan import LevelPlan
from core.load.records import Ending, Table
from core.load.stationarity import TOLERANCE, drift, steady_span

PATIENCE = 4
"""Lengths of a request after which a noisy load without evident drift counts as warm."""
OPEN_CYCLES = 3
"""Lengths of a request before an open loop is judged: it takes one to fill up."""
PILE = 0.25
"""Growth of the requests under way, as a share of their mean, that is a pile."""


class Warmth:
    """Watches one level warm up."""

    def __init__(self, plan: LevelPlan, seen: Observations) -> None:
        self._plan = plan
        self._seen = seen
        self.steady = True
        """Whether the load was found steady, not just declared warm at a bound."""
        self.notes: list[str] = []
        self._since: int | None = None

    def since(self) -> int | None:
        """Return since when the load has been warm, in nanoseconds; None: it is not, yet."""
        if self._since is None:
            self._since = self._closed_loop() if self._plan.level.concurrency else self._open_loop()
        seconds = (self._seen.now - self._seen.began) / 1e9
        if self._since is None and seconds > self._plan.warmup_seconds:
            self._since = self._seen.now
            self.steady = False
            self.notes.append(f"the load was not steady after {seconds:.0f} s of warm-up")
        return self._since

    def _closed_loop(self) -> int | None:
        seen, slots = self._seen, self._plan.level.concurrency or 1
        if seen.openings < slots:
            return None
        rows = seen.rows()
        ramped_up = int(rows["end"][rows["opening"] == 1].max())
        batches = Batches.of(self._plan, rows, ramped_up, seen.now)
        if batches is None:
            return None
        rates = batches.rates(seen)
        length = steady_span(rates, batches.period)
        if length is None and len(rates) > PATIENCE * batches.period:
            length = len(rates) // 2
            found = drift(rates[-length:], batches.period)
            if found is None or found.evident:
                return None
            self.notes.append("throughput is too noisy to bound its drift to 10 %")
        return None if length is None else batches.end - length * batches.width

    def _open_loop(self) -> int | None:
        seen = self._seen
        ramped_up = seen.began + int(self._plan.arrivals.ramp * 1e9)
        cycle = cycle_of(seen.rows())
        if cycle is not None and seen.now - ramped_up > OPEN_CYCLES * cycle:
            latest = seen.now - int(2 * cycle)
            if not piling_up(seen, latest, seen.now):
                return latest
        at_full_rate = np.count_nonzero(seen.begun() >= ramped_up)
        if at_full_rate > self._plan.requests or seen.exhausted:
            self.steady = False
            return seen.now
        return None


@dataclass(frozen=True)
class Batches:
    """A stretch of time, cut up into batches of whole slices, some of which make up a period."""

    end: int
    """In nanoseconds."""
    count: int
    width: int
    """In nanoseconds."""
    period: int
    """Batches in about the length of a request."""

    @classmethod
    def of(cls, plan: LevelPlan, rows: Table, opened: int, closed: int) -> "Batches | None":
        """Cut up [opened, closed); None as long as no whole request has been answered."""
        cycle = cycle_of(rows)
        if cycle is None:
            return None
        period = min(plan.level.concurrency or 1, 4)
        width = max(1, round(cycle / period / SLICE)) * SLICE
        end = closed // SLICE * SLICE
        return cls(end, max(0, (end - opened - SLICE) // width), width, period)

    def rates(self, seen: Observations) -> Floats:
        """Return how many events with content arrived in each batch."""
        if self.count == 0:
            return np.zeros(0)
        slices = seen.chunks(self.end - self.count * self.width, self.end)
        return np.asarray(slices.reshape(self.count, -1).sum(axis=1))


def cycle_of(rows: Table) -> float | None:
    """Return how long a whole request takes, in nanoseconds: the 90th percentile so far."""
    whole = rows[(rows["ending"] == Ending.COMPLETED) & (rows["opening"] == 0)]
    if len(whole) == 0:
        return None
    return float(np.quantile(whole["end"] - whole["due"], 0.9))


def under_way(seen: Observations, edges: Floats) -> Floats:
    """Return the mean number of requests under way between each two edges, in nanoseconds."""
    ends = np.sort(seen.rows()["end"])
    busy = _passed(seen.begun(), edges) - _passed(ends, edges)
    return np.asarray(np.diff(busy) / np.diff(edges))


def _passed(moments: Integers, edges: Floats) -> Floats:
    """Return the integral over time, up to each edge, of the number of moments passed."""
    total = np.concatenate([[0.0], np.cumsum(moments - edges[0])])
    passed = np.searchsorted(moments, edges)
    return np.asarray(passed * (edges - edges[0]) - total[passed])


def piling_up(seen: Observations, opened: int, closed: int) -> bool:
    """Return whether the requests under way evidently grow in number over a stretch of time."""
    found = drift(under_way(seen, np.linspace(opened, closed, 13)), period=4)
    return found is not None and found.change - found.margin > 0 and found.change > PILE


def drifting(plan: LevelPlan, seen: Observations, opened: int, closed: int) -> float | None:
    """Return by which share throughput changed over a stretch of time, if it evidently did."""
    batches = Batches.of(plan, seen.rows(), opened, closed)
    found = drift(batches.rates(seen), batches.period) if batches else None
    if found is None or not found.evident or abs(found.change) < TOLERANCE:
        return None
    return found.change
