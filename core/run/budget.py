"""What a run may cost, and what it has cost. Pure.

Without a budget of its own, a run may make as many launches as `max_iterations` asks for, and two
thirds as many again to confirm what they found, but at least six: three of one contender and three
of the defaults, which is the least that proves anything.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from core.events import Experiment, Outcome
from core.task import Optimization

LEAST_CONFIRMATION = 6
"""Launches: three of one contender, three of the defaults."""

SHARE_KEPT = 1 / 3
"""Share of a budget that is kept for the confirmation."""


@dataclass(frozen=True)
class Cost:
    """What launches cost."""

    launches: float = 0.0
    seconds: float = 0.0
    gpu_seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """How the launches of a run are shared out, before anything is known of what they take."""

    searches: int
    """Most configurations to search."""
    repeats: int
    """Repeats of the baseline in the course of the search."""
    confirmations: int
    """Launches kept for the confirmation; more where the search leaves some over."""
    launches: int
    """All of them."""
    contenders: int
    """How many of the best are confirmed."""


def plan(optimization: Optimization, space_size: int | None) -> Plan:
    """Return how the launches are shared out."""
    searches = min(optimization.max_iterations, space_size or optimization.max_iterations)
    first = int(optimization.baseline)
    most = optimization.budget.experiments
    rules = optimization.confirmation
    kept = max(LEAST_CONFIRMATION, searches * 2 // 3) if rules.enabled else 0
    repeats = _repeats(optimization, searches)
    if most is not None and first + searches + repeats + kept > most:
        kept = min(kept, max(LEAST_CONFIRMATION, math.floor(most * SHARE_KEPT)))
        kept = kept if most >= 2 * LEAST_CONFIRMATION else 0
        searches = min(searches, max(1, most - first - kept))
        repeats = _repeats(optimization, searches)
        searches = max(1, searches - repeats)
    launches = first + searches + repeats + kept
    return Plan(searches, repeats, kept, launches, rules.contenders or _contenders(kept))


def _repeats(optimization: Optimization, searches: int) -> int:
    if not (optimization.baseline and optimization.baseline_every):
        return 0
    return max(0, searches - 1) // optimization.baseline_every


def _contenders(kept: int) -> int:
    """Return how many contenders three repeats a side leave room for; five when that is cheap."""
    return 5 if kept >= 36 else max(1, min(3, kept // 3 - 1))


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
    plan: Plan
    spent: Cost
    each: Cost
    """What one launch costs on average."""

    def affords(self, launches: float, *, kept: float = 0.0) -> bool:
        """Return whether there is enough for these launches and for those that are kept back.

        Of time and GPU-hours, no more than a third of all is kept back.
        """
        if self.spent.launches + launches + kept > self.plan.launches:
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
        used = [self.spent.launches / max(1, self.plan.launches)]
        used += [self.spent.seconds / budget.time] if budget.time else []
        if budget.gpu_hours:
            used.append(self.spent.gpu_seconds / (3600 * budget.gpu_hours))
        return max(0.0, 1.0 - max(used))


def _gpu_seconds(hours: float | None) -> float | None:
    return None if hours is None else 3600 * hours
