"""Percentiles, and what they are worth. Pure.

A percentile here is the nearest rank: the smallest observation with at least that share of all
observations at or below it. "P90 ≤ 2 s" then means just what an SLO means by it: at least 90 % of
the requests took at most 2 s.
"""

import math

import numpy as np
import scipy  # its parts are imported at first use

from core.events import Distribution, Interval
from core.load.histogram import Floats
from core.task import STATISTICS, Statistic

CONFIDENCE = 0.95
MOST_LOST = 0.5
"""Largest share of a variance that is taken to be lost to the mean of a short series."""

SHARES: dict[Statistic, float] = {
    name: float(name[1:]) / 100 for name in STATISTICS if name != "mean"
}
"""The share of observations at or below each percentile."""


def rank(share: float, count: int) -> int:
    """Return the index, from 0, of a percentile among `count` sorted observations."""
    return min(count - 1, max(0, math.ceil(share * count - 1e-9) - 1))


def effective_count(values: Floats) -> float:
    """Return how many independent observations a series in time order is worth, at most its length.

    n / (1 + 2 Σ ρ(k)) over the autocorrelations ρ of the ranks, summed while adjacent pairs stay
    positive (Geyer, "Practical Markov chain Monte Carlo", 1992). Ranks, because one outlier would
    drown every other correlation.
    """
    count = len(values)
    _, position, ties = np.unique(values, return_inverse=True, return_counts=True)
    if count < 4 or len(ties) == 1:
        return float(count)
    ranks = (np.cumsum(ties) - ties / 2)[position]
    return count / _correlated(ranks)[0]


def long_run(series: Floats) -> tuple[float, float]:
    """Return the variance that a series adds up with, and the degrees of freedom of that estimate.

    The sum of n values has n times that variance: what they have in common with their neighbours in
    it. As a series' own mean is taken from it, its autocovariances come out low, by a share of the
    result for each lag that is summed; that is made good.
    """
    count = len(series)
    variance = float(series.var(ddof=1))
    if variance == 0:
        return 0.0, float(count - 1)
    factor, lags = _correlated(series)
    lost = min(MOST_LOST, (2 * lags + 1) / count)
    return variance * factor / (1 - lost), max(1.0, count / factor - 1)


def _correlated(series: Floats) -> tuple[float, int]:
    """Return 1 + 2 Σ ρ(k), and how many lags went into it (Geyer's initial positive sequence)."""
    count = len(series)
    centred = series - series.mean()
    spectrum = np.fft.rfft(centred, 2 * count)
    covariance = np.fft.irfft(spectrum * spectrum.conj())[:count]
    correlation = covariance / covariance[0]
    total, lags = 0.0, 0
    for lag in range(1, count // 2, 2):
        pair = float(correlation[lag] + correlation[lag + 1]) if lag + 1 < count else 0.0
        if pair <= 0:
            break
        total, lags = total + pair, lag + 1
    return 1 + 2 * total, lags


def interval_ranks(
    share: float, count: int, effective: float | None = None
) -> tuple[int, int] | None:
    """Return the indices of the order statistics that hold a percentile with 95 % confidence.

    The number of observations at or below the true percentile is binomial, whatever the
    distribution (David & Nagaraja, "Order Statistics", 7.1). `effective` independent observations,
    where there are fewer than `count`, stretch the interval.

    None: this many observations bound the percentile on one side only. P99 takes 368 of them.
    """
    effective = float(count) if effective is None else effective
    tail = (1 - CONFIDENCE) / 2
    if share**effective > tail or (1 - share) ** effective > tail:
        return None
    stretch = count / effective
    low = math.floor(stretch * float(scipy.special.bdtrik(tail, effective, share)))
    high = math.ceil(stretch * float(scipy.special.bdtrik(1 - tail, effective, share)))
    return (max(low, 0), high) if high < count else None


def wilson(good: float, total: float) -> Interval:
    """Return the 95 % interval of a proportion (Wilson, JASA 1927). (0, 1) for no observation."""
    if total == 0:
        return 0.0, 1.0
    z = float(scipy.special.ndtri(1 - (1 - CONFIDENCE) / 2))
    share, scale = good / total, 1 + z * z / total
    middle = (share + z * z / (2 * total)) / scale
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / scale
    # Rounding alone may move an end past the share itself, at 0 and at 1.
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))


def exact_share(count: float, total: float) -> Interval:
    """Return the 95 % interval of a proportion that holds it at least so often, however rare what
    is counted is (Clopper & Pearson, Biometrika 1934)."""
    tail = (1 - CONFIDENCE) / 2
    low = scipy.special.betaincinv(count, total - count + 1, tail) if count else 0.0
    high = scipy.special.betaincinv(count + 1, total - count, 1 - tail) if count < total else 1.0
    return float(low), float(high)


def describe(values: Floats, *, failed: Floats | None = None) -> Distribution | None:
    """Return the distribution of `values`, given in time order; None when there is none.

    Args:
        values: one observation for each completed request.
        failed: what each request that never got that far counts as. In the mean and in every
            percentile it counts as that, and as no less than the worst of the others, so that a
            server cannot look better by failing; std, min and max leave it out.
    """
    count = len(values)
    if count == 0:
        return None
    effective = effective_count(values)
    ranked = np.sort(values)
    if failed is not None and len(failed):
        ranked = np.append(ranked, np.sort(np.maximum(failed, ranked[-1])))
    mean, worth = float(ranked.mean()), effective * len(ranked) / count
    percentiles: dict[Statistic, float] = {}
    intervals: dict[Statistic, Interval] = {}
    for name, share in SHARES.items():
        percentiles[name] = float(ranked[rank(share, len(ranked))])
        ends = interval_ranks(share, len(ranked), worth)
        if ends is not None:
            intervals[name] = float(ranked[ends[0]]), float(ranked[ends[1]])
    if effective >= 2:
        quantile = float(scipy.special.stdtrit(effective - 1, (1 + CONFIDENCE) / 2))
        half = quantile * float(values.std(ddof=1)) / math.sqrt(effective)
        intervals["mean"] = _mean_interval(half, ranked, count, worth)
    return Distribution(
        count=count,
        effective=effective,
        mean=mean,
        std=float(values.std(ddof=1)) if count > 1 else 0.0,
        min=float(values.min()),
        max=float(values.max()),
        percentiles=percentiles,
        intervals=intervals,
    )


def _mean_interval(half: float, ranked: Floats, count: int, worth: float) -> Interval:
    """Return the 95 % interval of the mean of `ranked`, whose first `count` values are completed,
    with a mean that is known to within `half`."""
    mean = float(ranked[:count].mean())
    share = 1 - count / len(ranked)
    if share == 0:
        return mean - half, mean + half
    low, high = exact_share(share * worth, worth)
    return mixed_interval((mean, half), float(ranked[count:].mean()), (low, share, high))


def mixed_interval(
    completed: tuple[float, float], failed: float, share: tuple[float, float, float]
) -> Interval:
    """Return the 95 % interval of a mean to which failures belong.

    The few that failed count for so much that the mean is far from normal. So it is taken for a
    mix of two means by the share that failed, each with its interval (Zou & Donner, "Construction
    of confidence limits about effect measures", Statistics in Medicine 2008).

    Args:
        completed: the mean of what completed, and half its interval.
        failed: the mean of what what failed counts as.
        share: of what failed: the lower end of its interval, the share, the upper end.
    """
    (mean, half), (low, at, high) = completed, share
    cost, half = failed - mean, half * (1 - at)
    middle = mean + at * cost
    return (
        middle - math.hypot(half, cost * (at - low)),
        middle + math.hypot(half, cost * (high - at)),
    )
