"""What a run may cost, and what it has cost. Pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from core.events import Experiment, Outcome
from core.task import Budget, Optimization, Shares
from core.task.shares import SHARE_KEPT


@dataclass(frozen=True)
class Cost:
    """What launches cost."""

    launches: float = 0.0
    seconds: float = 0.0
    gpu_seconds: float = 0.0


def spent(experiments: Iterable[Experiment], now: float) -> Cost:
    """Return what the experiments have cost.

    Time is that in which at least one was under way, so it does not run while nobody works on the
    task, and experiments side by side do not count twice.
    """
    lived = list(experiments)
    spans = sorted((e.began_at, e.ended_at or now, len(e.gpus)) for e in lived)
    seconds, until = 0.0, -math.inf
    for began, ended, _ in spans:
        seconds += max(0.0, ended - max(began, until))
        until = max(until, ended)
    gpu_seconds = sum(max(0.0, ended - began) * gpus for began, ended, gpus in spans)
    return Cost(sum(map(_counts, lived)), seconds, gpu_seconds)


def _counts(experiment: Experiment) -> bool:
    """Return whether it is one of the launches that were planned: not one that has to be redone."""
    redone = experiment.failure is not None and experiment.failure.transient
    return not redone and experiment.outcome not in {Outcome.CANCELLED, Outcome.INTERRUPTED}


def mean_cost(experiments: Iterable[Experiment]) -> Cost:
    """Return what one launch costs on average; nothing while none is over."""
    over = [e for e in experiments if e.ended_at is not None]
    if not over:
        return Cost(1)
    each = [(e.ended_at or 0.0) - e.began_at for e in over]
    gpus = [seconds * len(e.gpus) for seconds, e in zip(each, over, strict=True)]
    return Cost(1, fmean(each), fmean(gpus))


@dataclass(frozen=True)
class Purse:
    """What is left of a budget."""

    optimization: Optimization
    shares: Shares
    spent: Cost
    each: Cost
    """What one launch costs on average."""

    def affords(self, launches: float, *, kept: float = 0.0) -> bool:
        """Return whether there is enough for these launches and for those that are kept back.

        Of time and GPU-hours, no more than a third of all is kept back.
        """
        if self.spent.launches + launches + kept > self.shares.most:
            return False
        budget = self.optimization.budget
        return all(
            done + launches * each + min(kept * each, most * SHARE_KEPT) <= most
            for done, each, most in (
                (self.spent.seconds, self.each.seconds, budget.time),
                (self.spent.gpu_seconds, self.each.gpu_seconds, _gpu_seconds(budget.gpu_hours)),
            )
            if most is not None
        )

    @property
    def left(self) -> float:
        """The share of the budget that is left."""
        budget = self.optimization.budget
        used = [self.spent.launches / max(1, self.shares.most)]
        used += [self.spent.seconds / budget.time] if budget.time else []
        if budget.gpu_hours:
            used.append(self.spent.gpu_seconds / (3600 * budget.gpu_hours))
        return max(0.0, 1.0 - max(used))


def has_time(budget: Budget, cost: Cost) -> bool:
    """Return whether a cost is within what the budget has of time and of GPU-hours."""
    most = ((cost.seconds, budget.time), (cost.gpu_seconds, _gpu_seconds(budget.gpu_hours)))
    return all(limit is None or used <= limit for used, limit in most)


def _gpu_seconds(hours: float | None) -> float | None:
    return None if hours is None else 3600 * hours
