"""Whether fresh launches show that a hard SLO is truly held, or only that it was held so far. Pure.

A configuration that sits at the bound itself holds it on three launches in a row once in eight
times. So the mean has to be below the bound by more than the noise of that metric: a one-sided
t-interval on the log scale. The noise of a metric is estimated from all arms together, as that of
the objective is; three launches of one arm would tell it within a factor of two.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import scipy  # its parts are imported at first use

from core.events import Experiment
from core.task import Slo
from core.verdict.comparison import geometric_mean, pooled_noise

CLEAR = 0.95
"""Confidence at which a hard SLO is kept by more than the noise."""


@dataclass(frozen=True)
class Scatter:
    """How far one metric moves from launch to launch."""

    noise: float
    """Standard deviation of one launch on the log scale."""
    degrees: int
    """Degrees of freedom of that estimate."""


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


def doubtful(runs: Sequence[Experiment], slo: Slo, known: Mapping[str, Scatter]) -> str | None:
    """Return which hard SLO may well be broken truly, though it held whenever it was measured."""
    for metric, target in slo.targets().items():
        figures, noise = _figures(runs, metric), known.get(metric)
        if not target.hard_fail or noise is None or not figures:
            continue
        reach = (
            float(scipy.special.stdtrit(noise.degrees, CLEAR))
            * noise.noise
            / math.sqrt(len(figures))
        )
        bound = target.threshold * (1 + target.fail_ratio)
        if math.log(geometric_mean(figures)) + reach > math.log(bound):
            return f"{metric} is within the noise of {target.threshold:g} s"
    return None


def _figures(runs: Sequence[Experiment], metric: str) -> list[float]:
    return [
        judged.actual
        for run in runs
        if run.verdict is not None
        for judged in run.verdict.slos
        if judged.metric == metric and judged.actual
    ]
