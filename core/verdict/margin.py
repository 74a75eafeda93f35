"""Whether fresh launches show that a hard SLO is truly held, or only that it was held so far. Pure.

A configuration that sits at the bound itself holds it on three launches in a row once in eight
times. So the mean has to be below the bound by more than the noise of that metric: a one-sided
t-interval on the log scale. The noise of a metric is estimated from all arms together, as that of
the objective is; three launches of one arm would tell it within a factor of two.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from core.events import Experiment, FailureKind, Outcome
from core.task import Slo
from core.verdict.repeats import LOOKS, pooled_noise, student

CLEAR = 0.975
"""Confidence, at each look, at which a hard SLO is kept by more than the noise.

Several contenders are looked at, some of them up to three times. With 0.95, one confirmed winner in
forty truly breaks an SLO where many configurations lie at its bound; with 0.99, one run in seven
ends in doubt.
"""


_NO_FAULT = {FailureKind.ENVIRONMENT, FailureKind.CLIENT_BOUND}
"""Failures that say nothing about the configuration."""


@dataclass(frozen=True)
class Standing:
    """How a configuration stands to the hard SLOs."""

    kind: Literal["clear", "doubtful", "broken"]
    reasons: tuple[str, ...]
    """Why it is not clear."""


@dataclass(frozen=True)
class Scatter:
    """How far one metric moves from launch to launch."""

    noise: float
    """Standard deviation of one launch on the log scale."""
    degrees: int
    """Degrees of freedom of that estimate."""


USUAL = Scatter(0.05, 1000)
"""Scatter of a metric that nothing is known of yet: that of P99 on real servers."""


def scatter(arms: Sequence[Sequence[Experiment]], slo: Slo) -> dict[str, Scatter]:
    """Return the scatter of every metric with a hard SLO; without those nobody measured twice.

    Args:
        arms: fresh launches, of one configuration each.
        slo: the task's.
    """
    found = {}
    for metric, target in slo.targets().items():
        groups = [_figures(runs, metric) for runs in arms]
        noise = pooled_noise(groups)
        if target.hard_fail and noise is not None:
            degrees = sum(len(group) - 1 for group in groups if group)
            found[metric] = Scatter(noise, degrees)
    return found


def standing(
    runs: Sequence[Experiment], slo: Slo | None = None, known: Mapping[str, Scatter] | None = None
) -> Standing:
    """Return whether the hard SLOs are clearly held, are broken, or neither is certain.

    A launch that breaks an SLO by no more than the noise decides nothing, as one that holds it by
    no more does not; one that breaks it by more, or fails, does. So does the mean, from three
    launches on.

    Args:
        runs: fresh launches of one configuration.
        slo: the task's; None: every launch has to hold it, and none of them is doubted.
        known: the scatter of the metrics; without one, noise is taken to be as usual.
    """
    faults = [_fault(run) for run in runs if not held(run)]
    if slo is None or not runs:
        return Standing("broken" if faults else "clear", tuple(dict.fromkeys(faults)))
    if any(not held(run) and not _narrowly(run) for run in runs):
        return Standing("broken", tuple(dict.fromkeys(faults)))
    near = []
    for metric, target in slo.targets().items():
        figures = [math.log(figure) for figure in _figures(runs, metric)]
        if not target.hard_fail or not figures:
            continue
        noise = (known or {}).get(metric, USUAL)
        t = student(noise.degrees, CLEAR) * noise.noise
        bound = math.log(target.threshold * (1 + target.fail_ratio))
        reach = t / math.sqrt(len(figures))
        enough = reach if len(figures) < LOOKS[0] else 0.0
        if fmean(figures) - enough > bound or max(figures) - t > bound:
            return Standing("broken", tuple(dict.fromkeys(faults)))
        if metric in (known or {}) and fmean(figures) + reach > bound:
            near.append(f"{metric} is within the noise of {target.threshold:g} s")
    if near:
        return Standing("doubtful", tuple(near))
    # Held clearly by the mean, while nothing is known of the noise: what was seen counts.
    return Standing("doubtful", tuple(faults)) if faults and not known else Standing("clear", ())


def counts(run: Experiment) -> bool:
    """Return whether a fresh launch says something about its configuration."""
    if run.outcome in {None, Outcome.CANCELLED, Outcome.INTERRUPTED}:
        return False
    return run.failure is None or not (run.failure.kind in _NO_FAULT or run.failure.transient)


def held(run: Experiment) -> bool:
    """Return whether a fresh launch was measured and kept every hard SLO."""
    return run.outcome is Outcome.OK and objective_of(run) is not None


def objective_of(run: Experiment) -> float | None:
    """Return the objective where its logarithm can be compared, else None."""
    value = run.verdict.value if run.verdict is not None and run.measured else None
    return value if value is not None and value > 0 else None


def _narrowly(run: Experiment) -> bool:
    """Return whether nothing but hard SLOs that were measured kept it from holding."""
    if run.failure is not None or run.verdict is None or objective_of(run) is None:
        return False
    broken = [judged for judged in run.verdict.slos if judged.broken]
    return bool(broken) and all(judged.actual is not None for judged in broken)


def _fault(run: Experiment) -> str:
    if run.failure is not None:
        return run.failure.message
    reasons = run.verdict.reasons if run.verdict is not None else ()
    return "; ".join(reasons) or "its objective could not be measured"


def _figures(runs: Sequence[Experiment], metric: str) -> list[float]:
    return [
        judged.actual
        for run in runs
        if run.verdict is not None
        for judged in run.verdict.slos
        if judged.metric == metric and judged.actual
    ]
