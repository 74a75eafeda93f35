"""The gaps between chunks, pooled over all requests, and what their percentiles are worth. Pure.

They come as counts by slice of time and histogram bin (`core.load.ledger`): there are too many of
them to keep each.
"""

import math

import numpy as np

from core.events import Distribution, Interval
from core.load.histogram import Floats, Integers, bins, middles
from core.load.latencies import output_tokens
from core.load.ledger import SLICE
from core.load.records import Table
from core.load.statistics import CONFIDENCE, SHARES, rank
from core.task import Statistic

BLOCKS = 30
"""Most stretches of time that gaps are resampled by."""
FEWEST_BLOCKS = 8
"""Fewest stretches of which an interval can be stated."""
RESAMPLES = 400
FEWEST_BEYOND = 20
"""Fewest gaps beyond a percentile for its interval to be stated."""
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


def describe_gaps(came: Integers, missing: Integers = _NONE) -> Distribution | None:
    """Return the distribution of gaps given as (slice of time, bin, count); None for none.

    A stall of the engine stretches a gap in every stream at once, so gaps are far from independent.
    Intervals therefore come from a block bootstrap: stretches of time are drawn, with all the gaps
    in them (Künsch 1989, with blocks that do not overlap).

    Args:
        came: the gaps that were seen.
        missing: gaps likewise that never came. They count in the mean and in every percentile, so
            that a server cannot look better by failing; count, std, min and max leave them out.
    """
    if len(came) == 0:
        return None
    gaps = np.concatenate([came, missing])
    indices, position = np.unique(gaps[:, 1], return_inverse=True)
    values = middles(indices) / 1e9
    slices = gaps[:, 0] - gaps[:, 0].min()
    blocks = min(BLOCKS, int(slices.max()) + 1)
    block = slices * blocks // (int(slices.max()) + 1)
    counts = np.zeros((blocks, len(indices)))
    np.add.at(counts, (block, position), gaps[:, 2])
    pooled = counts.sum(axis=0)
    total = int(pooled.sum())
    upto = np.cumsum(pooled)
    percentiles: dict[Statistic, float] = {
        name: float(values[np.searchsorted(upto, rank(share, total) + 1)])
        for name, share in SHARES.items()
    }
    seen = middles(came[:, 1]) / 1e9
    count = int(came[:, 2].sum())
    squares = float((came[:, 2] * (seen - np.average(seen, weights=came[:, 2])) ** 2).sum())
    return Distribution(
        count=count,
        mean=float(np.average(values, weights=pooled)),
        std=math.sqrt(squares / max(1, count - 1)),
        min=float(seen.min()),
        max=float(seen.max()),
        percentiles=percentiles,
        intervals=_bootstrap(counts, values) if blocks >= FEWEST_BLOCKS else {},
    )


def _bootstrap(counts: Floats, values: Floats) -> dict[Statistic, Interval]:
    """Return the 95 % intervals over resampled rows of `counts`."""
    rng = np.random.default_rng(0)
    blocks = len(counts)
    drawn = rng.multinomial(blocks, np.full(blocks, 1 / blocks), RESAMPLES) @ counts
    drawn = drawn[drawn.sum(axis=1) > 0]
    upto = np.cumsum(drawn, axis=1)
    totals = upto[:, -1:]
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    means = (drawn @ values) / totals[:, 0]
    low, high = np.quantile(means, tails)
    intervals: dict[Statistic, Interval] = {"mean": (float(low), float(high))}
    for name, share in SHARES.items():
        if (1 - share) * counts.sum() < FEWEST_BEYOND:
            continue
        reached = values[(upto < np.ceil(share * totals)).sum(axis=1).clip(max=len(values) - 1)]
        low, high = np.quantile(reached, tails)
        intervals[name] = float(low), float(high)
    return intervals


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
