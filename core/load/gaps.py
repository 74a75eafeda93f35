"""The gaps between chunks, pooled over all requests, and what their percentiles are worth. Pure.

They come as counts by slice of time and histogram bin (`core.load.ledger`): there are too many of
them to keep each.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy  # its parts are imported at first use

from core.events import Distribution, Interval
from core.load.histogram import Flags, Floats, Integers, bins, middles
from core.load.latencies import output_tokens
from core.load.ledger import SLICE
from core.load.records import Table
from core.load.statistics import (
    CONFIDENCE,
    SHARES,
    exact_share,
    interval_ranks,
    long_run,
    mixed_interval,
    rank,
)
from core.task import Statistic

MOST_STEPS = 1024
"""Most steps of time that gaps are put together by."""
FEWEST_STEPS = 8
"""Fewest steps of which an interval can be stated."""
_NONE: Integers = np.empty((0, 3), dtype=np.int64)


def never_came(failed: Table, good: Table, worst: Floats) -> Integers:
    """Return the gaps that failed requests owe, as (slice of time, bin, count).

    A request that failed owes a gap for each chunk it was asked for and did not bring, and one at
    the least; each counts as long as the request itself does.

    Args:
        good: the completed requests beside them, of which there is one at least.
        worst: the latency that each failed request counts as, in seconds.
    """
    tokens_per_chunk = max(1.0, float(output_tokens(good).sum() / good["chunks"].sum()))
    asked = np.where(failed["asked_output"] > 0, failed["asked_output"], output_tokens(good).mean())
    owed = np.maximum(1, np.round(asked / tokens_per_chunk) - failed["chunks"]).astype(np.int64)
    return np.stack([failed["due"] // SLICE, bins((worst * 1e9).astype(np.int64)), owed], axis=1)


def describe_gaps(came: Integers, requests: int, missing: Integers = _NONE) -> Distribution | None:
    """Return the distribution of gaps given as (slice of time, bin, count); None for none.

    Gaps are far from independent: those of a request are alike, and a stall of the engine stretches
    one in every stream at once. So they are worth fewer than they are. The share of them that are
    up to a percentile has a variance, from which follows how many independent ones would be worth
    as much (Woodruff, JASA 1952; Korn & Graubard, Survey Methodology 1998, who take the t quantile
    of that variance's own degrees of freedom into account). It adds up from that of the gaps that
    came, over steps of time, and from that of the requests that failed with all their gaps.

    Args:
        came: the gaps that were seen.
        requests: how many requests they are of, those that failed included.
        missing: gaps likewise that never came, a row for each failed request. They count in the
            mean and in every percentile, so that a server cannot look better by failing; count,
            std, min and max leave them out.
    """
    if len(came) == 0:
        return None
    gaps = np.concatenate([came, missing]) if len(missing) else came
    counted = np.bincount(gaps[:, 1], gaps[:, 2])
    indices = np.flatnonzero(counted)
    values = middles(indices) / 1e9
    upto = np.cumsum(counted[indices])
    total = int(upto[-1])
    places = {
        name: int(np.searchsorted(upto, rank(share, total) + 1)) for name, share in SHARES.items()
    }
    steps, failing = _Steps.of(came), _Failing.of(came, missing, requests)
    intervals: dict[Statistic, Interval] = {}
    if steps.count >= FEWEST_STEPS:
        intervals["mean"] = _mean_interval(steps, failing, came, missing)
        for name, share in SHARES.items():
            if interval_ranks(share, requests) is None:
                continue  # a request may fail with all its gaps, so there are too few of them
            at = indices[places[name]]
            worth = min(
                _worth(steps, failing, gaps[:, 1] <= at), _worth(steps, failing, gaps[:, 1] < at)
            )
            if ends := interval_ranks(share, total, max(1.0, worth)):
                low, high = np.searchsorted(upto, np.array(ends) + 1)
                intervals[name] = float(values[low]), float(values[high])
    by_bin = np.bincount(came[:, 1], came[:, 2], indices[-1] + 1)[indices]
    seen, counts = values[by_bin > 0], by_bin[by_bin > 0]
    count, mean = int(counts.sum()), np.average(seen, weights=counts)
    return Distribution(
        count=count,
        mean=float(np.average(values, weights=np.diff(upto, prepend=0))),
        std=math.sqrt(float((counts * (seen - mean) ** 2).sum()) / max(1, count - 1)),
        min=float(seen[0]),
        max=float(seen[-1]),
        percentiles={name: float(values[place]) for name, place in places.items()},
        intervals=intervals,
    )


@dataclass(frozen=True)
class _Steps:
    """Gaps by steps of time."""

    step: Integers
    """Of each row of gaps."""
    weights: Integers
    count: int

    @classmethod
    def of(cls, gaps: Integers) -> "_Steps":
        slices = gaps[:, 0] - gaps[:, 0].min()
        width = -(-(int(slices.max()) + 1) // MOST_STEPS)
        return cls(slices // width, gaps[:, 2], int(slices.max()) // width + 1)

    def sums(self, values: Floats | Flags) -> Floats:
        """Return the sum of the values of a step's gaps, for each step."""
        return np.bincount(self.step, self.weights * values, self.count).astype(np.float64)

    def spread(self, values: Floats | Flags) -> tuple[float, float]:
        """Return the standard error of the gaps' mean value, and the t quantile to take it by."""
        sizes = self.sums(np.ones(len(self.step)))
        mean = float(self.sums(values).sum() / sizes.sum())
        variance, freedom = long_run(self.sums(values) - mean * sizes)
        quantile = float(scipy.special.stdtrit(freedom, (1 + CONFIDENCE) / 2))
        return math.sqrt(variance * self.count) / float(sizes.sum()), quantile


@dataclass(frozen=True)
class _Failing:
    """The requests that failed, and so brought none of their gaps."""

    count: int
    requests: int
    ratio: float
    """Gaps that one of them owes, as a share of those that one of the others brought."""

    @classmethod
    def of(cls, came: Integers, missing: Integers, requests: int) -> "_Failing":
        count = len(missing)
        if count == 0:
            return cls(0, requests, 1.0)
        each = float(came[:, 2].sum()) / (requests - count)
        return cls(count, requests, float(missing[:, 2].mean()) / each)

    def of_gaps(self, share: float) -> float:
        """Return which share of the gaps is owed where that share of the requests fails."""
        return share * self.ratio / (share * self.ratio + 1 - share)

    @property
    def share(self) -> float:
        """Of the gaps, that is owed."""
        return self.of_gaps(self.count / self.requests)

    @property
    def variance(self) -> float:
        """Of that share, by the slope of `of_gaps`. Two of four more requests failed: none that did
        is not none that could (Agresti & Coull, The American Statistician 1998)."""
        share = (self.count + 2) / (self.requests + 4)
        slope = self.ratio / (share * self.ratio + 1 - share) ** 2
        return share * (1 - share) / (self.requests + 4) * slope**2


def _worth(steps: _Steps, failing: _Failing, inside: Flags) -> float:
    """Return how many independent gaps would tell as much of the share of those `inside`.

    Args:
        inside: for each row of gaps, those that came before those that are missing.
    """
    seen, total = len(steps.weights), float(steps.weights.sum()) / (1 - failing.share)
    error, quantile = steps.spread(inside[:seen])
    came = float(steps.weights[inside[:seen]].sum() / steps.weights.sum())
    owed = float(inside[seen:].mean()) if failing.count else 0.0
    share = came + failing.share * (owed - came)
    variance = ((1 - failing.share) * error) ** 2 + (owed - came) ** 2 * failing.variance
    if variance == 0 or not 0 < share < 1:
        return total
    normal = float(scipy.special.ndtri((1 + CONFIDENCE) / 2))
    return min(total, share * (1 - share) / variance * (normal / quantile) ** 2)


def _mean_interval(steps: _Steps, failing: _Failing, came: Integers, missing: Integers) -> Interval:
    """Return the 95 % interval of the mean gap."""
    seen = (middles(np.arange(came[:, 1].max() + 1)) / 1e9)[came[:, 1]]
    mean = float(np.average(seen, weights=came[:, 2]))
    error, quantile = steps.spread(seen)
    if failing.count == 0:
        return mean - quantile * error, mean + quantile * error
    low, high = map(failing.of_gaps, exact_share(failing.count, failing.requests))
    never = float(np.average(middles(missing[:, 1]) / 1e9, weights=missing[:, 2]))
    return mixed_interval((mean, quantile * error), never, (low, failing.share, high))


def scaled(distribution: Distribution | None, divisor: float) -> Distribution | None:
    """Return the distribution of values that are each divided, as by the tokens of a chunk."""
    if distribution is None:
        return None
    return Distribution(
        count=round(distribution.count * divisor),
        mean=distribution.mean / divisor,
        std=distribution.std / divisor,
        min=distribution.min / divisor,
        max=distribution.max / divisor,
        percentiles={name: at / divisor for name, at in distribution.percentiles.items()},
        intervals={
            name: (low / divisor, high / divisor)
            for name, (low, high) in distribution.intervals.items()
        },
    )
