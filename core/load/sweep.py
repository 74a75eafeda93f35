"""The search for the largest load that meets the SLO: exponential, then bisection. Pure.

Latency grows with load, so there is one border between the loads that hold and those that break. It
is bracketed by growing steps, or by halving where the first load breaks, then bisected
geometrically, until the smallest load known to break is within the tolerance of the largest known
to hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from core.events import Distribution, SubRound
from core.load.latencies import metric_parts
from core.task import STATISTICS, Statistic

Holding: TypeAlias = Literal["holds", "breaks", "unclear"]

LONGEST_STEP = 2.0
"""Factor by which loads grow while nothing has broken."""
NEAR_STEP = 1.25
"""The first such factor where the border is likely to be near; each further one is its square."""


@dataclass
class LoadSearch:
    """Ask and tell, over one number: a concurrency, or a rate in requests per second."""

    first: float
    """The load to begin with."""
    most: float
    """No larger load is tried."""
    tolerance: float = 0.05
    """How close the border is found, as a share of the load; whole numbers stop at neighbours."""
    whole: bool = True
    """Whether loads are whole numbers."""
    step: float = LONGEST_STEP
    """Factor from the first load to the second."""
    held: float | None = None
    """The largest load known to hold."""
    broke: float | None = None
    """The smallest load known to break."""

    def ask(self) -> float | None:
        """Return the next load to try; None when the border is known."""
        if self.held is None and self.broke is None:
            return self._tried(min(self.first, self.most))
        if self.broke is None:
            assert self.held is not None
            return None if self.held >= self.most else self._larger(self.held)
        if self.held is None:
            least = 1.0 if self.whole else self.first / 1024
            return None if self.broke <= least else self._tried(max(least, self.broke / 2))
        if self.broke <= self.held * (1 + self.tolerance):
            return None
        middle = self._tried((self.held * self.broke) ** 0.5)
        return middle if self.held < middle < self.broke else self._neighbour()

    def tell(self, load: float, *, holds: bool) -> None:
        """Learn whether the SLO held at a load."""
        if holds:
            if self.held is not None:
                self.step = min(LONGEST_STEP, self.step**2)
            self.held = load if self.held is None else max(self.held, load)
        else:
            self.broke = load if self.broke is None else min(self.broke, load)

    def _larger(self, held: float) -> float:
        return min(self.most, max(self._tried(held * self.step), held + self.whole))

    def _tried(self, load: float) -> float:
        return float(max(1, round(load))) if self.whole else load

    def _neighbour(self) -> float | None:
        """Return the whole number between the border's ends that the mean fell short of."""
        assert self.held is not None
        assert self.broke is not None
        above = self.held + 1
        return above if self.whole and above < self.broke else None


def holding(sub_round: SubRound, thresholds: Mapping[str, float]) -> Holding:
    """Return whether a level keeps every bound, by the 95 % intervals of its metrics.

    In open loop, requests that pile up break them, whatever their latencies are by now. In closed
    loop a load that is not steady leaves open what it would come to.

    Args:
        thresholds: seconds by metric, statistic included: `{"ttft_p99": 1.0}`.
    """
    unsteady = sub_round.steady is False
    verdicts = {_holding(sub_round, metric, bound) for metric, bound in thresholds.items()}
    if "breaks" in verdicts or (unsteady and sub_round.level.concurrency is None):
        return "breaks"
    return "unclear" if "unclear" in verdicts or unsteady else "holds"


def kept_on_the_face_of_it(sub_round: SubRound, thresholds: Mapping[str, float]) -> bool:
    """Return whether a level's figures keep every bound, whatever they are worth."""
    figures = [(sub_round.metric(metric), bound) for metric, bound in thresholds.items()]
    return all(figure is not None and figure <= bound for figure, bound in figures)


def _holding(sub_round: SubRound, metric: str, bound: float) -> Holding:
    family, statistic = metric_parts(metric)
    figure = sub_round.metric(metric)
    if figure is None or statistic is None:
        return "breaks" if figure is None or figure > bound else "holds"
    return decided(getattr(sub_round, family), statistic, bound)


def decided(found: Distribution, statistic: Statistic, bound: float) -> Holding:
    """Return on which side of a bound a statistic lies with 95 % confidence.

    A percentile is over the bound where one below it is: so P50 may tell of a P90 that has too few
    requests for an interval of its own.
    """
    ends = found.intervals
    place = STATISTICS.index(statistic)  # the mean comes first, and stands alone
    below = STATISTICS[1 : place + 1] or STATISTICS[:1]
    above = STATISTICS[place:] if place else STATISTICS[:1]
    if any(ends[name][0] > bound for name in below if name in ends):
        return "breaks"
    return "holds" if any(ends[name][1] <= bound for name in above if name in ends) else "unclear"
