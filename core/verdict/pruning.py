"""When an experiment need not go on: a hard SLO is broken for good, or it can no longer win. Pure.

Every level has to hold every SLO, so one that is broken at a level stays broken, whatever the
levels still to come are like; it has to be broken by more than noise, though. For the objective,
the levels to come are taken to be as good as the best that any experiment saw there, and 5 % better
still.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from core.events import Experiment, SubRound, Verdict
from core.task import STATISTICS, Objective, Slo, SloTarget, maximised, objective_metric
from core.verdict.front import costs, costs_of, front

COMPLETE_FIRST = 10
"""Experiments that are measured in full before any is stopped early."""

OPTIMISM = 0.05
"""By how much the levels to come may be better than the best that was seen there, as a share."""

LEAST_MARGIN = 0.05
"""By how much an SLO has to be broken beyond what is tolerated, as a share, whatever the noise."""

NOISE_WIDTHS = 2.0
"""By how many standard deviations of a measurement it has to be broken."""


@dataclass(frozen=True)
class Pruning:
    """What an experiment is held against while it is measured."""

    slo: Slo
    objectives: tuple[Objective, ...]
    levels: int
    """How many load levels there are."""
    rivals: tuple[Verdict, ...]
    """The best so far; with several objectives, the front."""
    best_seen: Mapping[str, Mapping[int, float]]
    """The best figure of every objective's metric at each level, over all experiments."""
    noise: float
    """Standard deviation of one measurement, as a share."""

    def reason(self, measured: Sequence[SubRound]) -> str | None:
        """Return why the experiment need not go on, or None while it has to, or is complete."""
        if not measured or len(measured) >= self.levels:
            return None
        for metric, target in self.slo.targets().items():
            if target.hard_fail and (why := self._broken(measured[-1], metric, target)):
                return why
        return self._beaten(measured)

    def _broken(self, measured: SubRound, metric: str, target: SloTarget) -> str | None:
        figure = measured.metric(metric)
        bound = target.threshold * (1 + target.fail_ratio)
        margin = max(LEAST_MARGIN, NOISE_WIDTHS * self.noise)
        if figure is None or figure <= bound * (1 + margin):
            return None
        low = _low_end(measured, metric)
        if low is not None and low <= bound:
            return None
        return f"{metric} {figure:.4g} s at {measured.level} breaks {target.threshold:g} s for good"

    def _beaten(self, measured: Sequence[SubRound]) -> str | None:
        values = [self._at_best(measured, objective) for objective in self.objectives]
        # Without penalties: a penalty is large however little an SLO is broken, be it by noise.
        hoped = costs(self.objectives, values)
        for rival in self.rivals:
            reached = costs_of(rival)
            if hoped is None or reached is None:
                continue
            if all(r <= h for r, h in zip(reached, hoped, strict=True)):
                best = " and ".join(f"{value:.4g}" for value in values if value is not None)
                has = " and ".join(f"{value:.4g}" for value in rival.values if value is not None)
                return f"at best it comes to {best}, and the best so far has {has}"
        return None

    def _at_best(self, measured: Sequence[SubRound], objective: Objective) -> float | None:
        """Return what an objective can come to; None where nobody has seen a level."""
        metric = objective_metric(objective)
        optimism = 1 + OPTIMISM if maximised(objective) else 1 - OPTIMISM
        figures = {s.index: s.metric(metric) for s in measured}
        for index in range(self.levels):
            if index not in figures:
                seen = self.best_seen[metric].get(index)
                figures[index] = None if seen is None else seen * optimism
        known = [figure for figure in figures.values() if figure is not None]
        return fmean(known) if len(known) == self.levels else None


def pruning(
    experiments: Iterable[Experiment],
    slo: Slo,
    *objectives: Objective,
    levels: int,
    noise: float,
) -> Pruning | None:
    """Return what the next experiment is held against; None while everything is measured in full.

    Args:
        experiments: those that are over, of the baseline and the search.
        slo: the task's.
        objectives: the task's.
        levels: how many load levels there are.
        noise: standard deviation of one measurement, as a share.
    """
    lived = list(experiments)
    if levels < 2 or sum(e.measured for e in lived) < COMPLETE_FIRST:
        return None
    rivals = tuple(e.verdict for e in front(lived) if e.verdict is not None)
    seen = {objective_metric(o): _best_seen(lived, o) for o in objectives}
    return Pruning(slo, objectives, levels, rivals, seen, noise)


def _best_seen(experiments: Sequence[Experiment], objective: Objective) -> dict[int, float]:
    seen: dict[int, float] = {}
    better = max if maximised(objective) else min
    for measured in (s for e in experiments for s in e.sub_rounds):
        figure = measured.metric(objective_metric(objective))
        if figure is not None:
            seen[measured.index] = better(figure, seen.get(measured.index, figure))
    return seen


def _low_end(measured: SubRound, metric: str) -> float | None:
    """Return the lower end of a latency's 95 % interval, where it could be stated."""
    family, _, named = metric.rpartition("_")
    statistic = next((known for known in STATISTICS if known == named), None)
    distribution = getattr(measured, family, None)
    if statistic is None or distribution is None:
        return None
    interval = distribution.intervals.get(statistic)
    return None if interval is None else float(interval[0])
