"""How well a figure is known: what lets a level end early, or makes it go on. Pure."""

import math

import scipy  # its parts are imported at first use

from core.events import Distribution, Interval
from core.load.histogram import Floats
from core.load.latencies import BY_REQUEST, failed_as, metric_parts
from core.load.observations import Observations
from core.load.plan import LevelPlan
from core.load.records import Ending, completed, due_within
from core.load.statistics import CONFIDENCE, describe
from core.load.sweep import decided
from core.load.warmth import Batches
from core.task import Statistic

FEWEST_BATCHES = 3
"""Fewest of the batches from which an interval of throughput is stated."""


def relative_error(
    metric: str, plan: LevelPlan, seen: Observations, opened: int, closed: int
) -> float | None:
    """Return half the 95 % interval of a metric, as a share of it; None: it has no interval yet.

    A throughput of any name is as well known as that of output tokens; ITL is judged by the mean
    gap of each request.
    """
    family, statistic = metric_parts(metric)
    if statistic is None:
        mean, margin = _throughput(seen, opened, closed)
        return margin / mean if mean and margin is not None else None
    found = _described(family, plan, seen, opened, closed)
    return None if found is None else _half_width(found, statistic)


def slos_settled(plan: LevelPlan, seen: Observations, opened: int, closed: int) -> bool:
    """Return whether it is certain, metric by metric, whether the bounds of a level hold: all of
    them do, or one of them does not."""
    sides = []
    for metric, bound in plan.thresholds.items():
        family, statistic = metric_parts(metric)
        if statistic is not None:
            found = _described(family, plan, seen, opened, closed)
            sides.append("unclear" if found is None else decided(found, statistic, bound))
    return "breaks" in sides or "unclear" not in sides


def _described(
    family: str, plan: LevelPlan, seen: Observations, opened: int, closed: int
) -> Distribution | None:
    rows = due_within(seen.rows(), opened, closed)
    failed = failed_as(rows[rows["ending"] != Ending.COMPLETED], plan.request_timeout)
    return describe(BY_REQUEST[family](completed(rows)), failed=failed)


def throughput_interval(
    seen: Observations, opened: int, closed: int, throughput: float
) -> Interval | None:
    """Return the 95 % interval of an output throughput, by the rates of its window's batches."""
    mean, margin = _throughput(seen, opened, closed)
    if not mean or margin is None:
        return None
    return throughput * (1 - margin / mean), throughput * (1 + margin / mean)


def _throughput(seen: Observations, opened: int, closed: int) -> tuple[float, float | None]:
    """Return the mean rate of content, and half its 95 % interval (batch means)."""
    batches = Batches.of(seen.rows(), opened, closed)
    if batches is None or batches.count < FEWEST_BATCHES:
        return 0.0, None
    rates = batches.rates(seen)
    return float(rates.mean()), _margin(rates)


def _margin(means: Floats) -> float:
    quantile = float(scipy.special.stdtrit(len(means) - 1, (1 + CONFIDENCE) / 2))
    return quantile * float(means.std(ddof=1)) / math.sqrt(len(means))


def _half_width(found: Distribution, statistic: Statistic) -> float | None:
    ends, figure = found.intervals.get(statistic), found.of(statistic)
    if ends is None or not figure:
        return None
    return max(ends[1] - figure, figure - ends[0]) / figure
