"""When the load of a level is warm, and since when. Pure.

A closed loop is warm once every slot has had its opening request, which is shortened so that slots
do not march in step; from then on requests are measured. Whether throughput was steady all the
while is asked of the measurement itself, as it tells more than any warm-up: after some lengths of a
request, at every doubling, and at the end. What a slow start has left in it is cut off, and as much
is measured anew (`core.load.stationarity`), within the time that the warm-up may take.

In open loop throughput follows the arrivals, and says nothing. There the load is warm once the ramp
is over and the requests under way do not evidently grow in number any more, and at the latest when
there was time enough and as many requests have begun since the ramp as are to be measured: a load
beyond the server's capacity never gets warm. A trace that is over before is measured from its
first request.
"""

import math
from dataclasses import dataclass

import numpy as np

from core.load.histogram import Floats, Integers
from core.load.ledger import SLICE
from core.load.observations import Observations
from core.load.plan import LevelPlan
from core.load.records import Table, completed
from core.load.stationarity import TOLERANCE, drift, transient

FIRST_LOOK = 8
"""Batches after which the steadiness of a closed loop is looked at first."""
LAST_LOOK = 6
"""Fewest batches before a closed loop's window closes."""
MOST_CYCLES = 4
"""Most lengths of a request that make up a batch."""
OPEN_CYCLES = 3
"""Lengths of a request before an open loop is judged: it takes one to fill up."""
STRETCHES = 5
"""Stretches of time in each of which the requests under way are counted."""
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
        self._next_look = 0

    def since(self) -> int | None:
        """Return since when the load has been warm, in nanoseconds; None: it is not, yet."""
        if self._since is None:
            self._since = self._closed_loop() if self._plan.level.concurrency else self._open_loop()
        seconds = (self._seen.now - self._seen.began) / 1e9
        if self._since is None and seconds > self._plan.warmup_seconds:
            self._since = self._seen.now
            self._not_steady(seconds)
        return self._since

    def confirmed(self, opened: int, *, at_last: bool) -> int | None:
        """Return where the window should have opened: at `opened`, if throughput was steady since.

        None: the window is about to close (`at_last`), and there is too little yet to tell by.
        Meanwhile there is not always a look.
        """
        seen, most = self._seen, self._plan.warmup_seconds
        seconds = (seen.now - seen.began) / 1e9
        looking = at_last or seen.now >= self._next_look
        if self._plan.level.concurrency is None or not self.steady or not looking:
            return opened
        batches = Batches.of(seen.rows(), opened, seen.now)
        if batches is None or batches.count < (LAST_LOOK if at_last else FIRST_LOOK):
            return None if at_last and seconds < most else opened
        self._next_look = seen.now + batches.count * batches.width
        cut = transient(batches.rates(seen))
        if cut == 0:
            return opened
        if seconds > most:
            self._not_steady(seconds)
            return opened
        self._next_look = 0
        return batches.end - (batches.count - cut) * batches.width

    def _not_steady(self, seconds: float) -> None:
        self.steady = False
        self.notes.append(f"the load was not steady after {seconds:.0f} s of warm-up")

    def _closed_loop(self) -> int | None:
        seen, slots = self._seen, self._plan.level.concurrency or 1
        if seen.openings < slots:
            return None
        rows = seen.rows()
        return int(rows["end"][rows["opening"] == 1].max())

    def _open_loop(self) -> int | None:
        seen = self._seen
        ramped_up = seen.began + int(self._plan.arrivals.ramp * 1e9)
        cycle, quick = lengths_of(seen.rows())
        if seen.now - ramped_up > OPEN_CYCLES * cycle:
            latest = seen.now - int(2 * cycle)
            if not piling_up(seen, latest, seen.now):
                return latest
        if seen.exhausted:
            self.steady = False
            self.notes.append(
                "the trace was over before the load was steady: all of it is measured"
            )
            return seen.began
        # By the quick ones, as where requests pile up the others take ever longer.
        filled_up = seen.now - ramped_up > 2 * OPEN_CYCLES * quick
        if filled_up and np.count_nonzero(seen.begun() >= ramped_up) > self._plan.requests:
            self.steady = False
            self.notes.append(
                f"the load was not steady after {self._plan.requests} requests of warm-up"
            )
            return seen.now
        return None


@dataclass(frozen=True)
class Batches:
    """A stretch of time, cut up into batches that last about as long as a request, or a few."""

    end: int
    """In nanoseconds."""
    count: int
    width: int
    """In nanoseconds: whole slices."""

    @classmethod
    def of(cls, rows: Table, opened: int, closed: int) -> "Batches | None":
        """Cut up [opened, closed); None as long as no request of it has been answered."""
        whole = completed(rows)
        whole = whole[whole["due"] >= opened]
        if len(whole) == 0:
            return None
        end = closed // SLICE * SLICE
        length = max(0, end - opened - SLICE)
        width = _whole_slices(float(np.median(whole["end"] - whole["due"])), length)
        return cls(end, length // width, width)

    def rates(self, seen: Observations) -> Floats:
        """Return how many events with content arrived in each batch."""
        if self.count == 0:
            return np.zeros(0)
        slices = seen.chunks(self.end - self.count * self.width, self.end)
        return np.asarray(slices.reshape(self.count, -1).sum(axis=1))


def _whole_slices(cycle: float, length: int) -> int:
    """Return about how many nanoseconds are whole slices, and whole lengths of a request.

    A few of the latter where one is far from any whole slices, and there is time enough.
    """
    width = max(1, round(cycle / SLICE)) * SLICE
    for cycles in range(1, MOST_CYCLES + 1):
        wider = max(1, round(cycles * cycle / SLICE)) * SLICE
        if length < FIRST_LOOK * wider:
            break
        width = wider
        if abs(width - cycles * cycle) <= cycles * cycle / 20:
            break
    return width


def lengths_of(rows: Table) -> tuple[float, float]:
    """Return how long a whole request takes, in nanoseconds: the 90th percentile so far, and the
    10th; infinite before there is one."""
    whole = completed(rows)
    whole = whole[whole["opening"] == 0]
    if len(whole) == 0:
        return math.inf, math.inf
    long, quick = np.quantile(whole["end"] - whole["due"], (0.9, 0.1))
    return float(long), float(quick)


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
    found = drift(under_way(seen, np.linspace(opened, closed, STRETCHES + 1)))
    return found is not None and found.change - found.margin > 0 and found.change > PILE


def drifting(seen: Observations, opened: int, closed: int) -> float | None:
    """Return which share of the content came in the first half of a stretch of time, if throughput
    evidently drifted.

    Not by how much the line changed that tells so: where rates scatter, it begins below zero.
    """
    batches = Batches.of(seen.rows(), opened, closed)
    if batches is None:
        return None
    rates = batches.rates(seen)
    found = drift(rates)
    if found is None or not found.evident or abs(found.change) < TOLERANCE:
        return None
    half = len(rates) // 2
    first, second = float(rates[:half].sum()), float(rates[-half:].sum())
    return first / (first + second)
