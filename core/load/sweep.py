"""The search for the largest load that meets the SLO: doubling, then bisection. Pure.

Latency grows with load, so there is one border between the loads that hold and those that break. It
is bracketed by doubling, or halving where the first load breaks, then bisected geometrically, until
the smallest load known to break is within the tolerance of the largest known to hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from core.events import SubRound
from core.task import STATISTICS

Holding: TypeAlias = Literal["holds", "breaks", "unclear"]


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
    held: float | None = None
    """The largest load known to hold."""
    broke: float | None = None
    """The smallest load known to break."""

    def ask(self) -> float | None:
        """Return the next load to try; None when the border is known."""
        if self.held is None and self.broke is None:
            return self._tried(self.first)
        if self.broke is None:
            assert self.held is not None
            return None if self.held >= self.most else self._tried(min(self.most, self.held * 2))
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
            self.held = load if self.held is None else max(self.held, load)
        else:
            self.broke = load if self.broke is None else min(self.broke, load)

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

    Args:
        thresholds: seconds by metric, statistic included: `{"ttft_p99": 1.0}`.
    """
    if sub_round.steady is False:
        return "breaks"  # whatever it is by now, it was getting worse
    verdicts = {_holding(sub_round, metric, bound) for metric, bound in thresholds.items()}
    if "breaks" in verdicts:
        return "breaks"
    return "unclear" if "unclear" in verdicts else "holds"


def kept_on_the_face_of_it(sub_round: SubRound, thresholds: Mapping[str, float]) -> bool:
    """Return whether a level's figures keep every bound, whatever they are worth."""
    figures = [(sub_round.metric(metric), bound) for metric, bound in thresholds.items()]
    return all(figure is not None and figure <= bound for figure, bound in figures)


def _holding(sub_round: SubRound, metric: str, bound: float) -> Holding:
    family, _, named = metric.rpartition("_")
    statistic = next((known for known in STATISTICS if known == named), None)
    figure = sub_round.metric(metric)
    if figure is None or statistic is None:
        return "breaks" if figure is None or figure > bound else "holds"
    low, high = getattr(sub_round, family).intervals.get(statistic, (0.0, float("inf")))
    if high <= bound:
        return "holds"
    return "breaks" if low > bound else "unclear"
