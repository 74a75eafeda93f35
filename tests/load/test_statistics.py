"""Percentiles, and whether their intervals hold what they promise."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from core.load.statistics import (
    SHARES,
    describe,
    effective_count,
    interval_ranks,
    rank,
    wilson,
)

VALUES = st.lists(st.floats(0.001, 1000), min_size=1, max_size=200)


@given(VALUES)
def test_a_percentile_is_the_smallest_value_that_enough_values_do_not_exceed(
    values: list[float],
) -> None:
    found = describe(np.array(values))
    assert found is not None
    for name, share in SHARES.items():
        at = found.percentiles[name]
        assert at in values
        assert sum(value <= at for value in values) >= share * len(values) - 1e-9
        below = [value for value in values if value < at]
        assert len(below) < share * len(values)


@given(VALUES, st.integers(1, 50))
def test_failures_rank_above_every_answer(values: list[float], failed: int) -> None:
    found = describe(np.array(values), failed=np.full(failed, 5000.0))
    assert found is not None
    assert found.count == len(values)
    assert found.max == max(values)
    assert found.mean == pytest.approx((sum(values) + 5000.0 * failed) / (len(values) + failed))
    for name, share in SHARES.items():
        among_failed = rank(share, len(values) + failed) >= len(values)
        assert (found.percentiles[name] == 5000.0) == among_failed


@given(VALUES)
def test_figures_are_in_order(values: list[float]) -> None:
    found = describe(np.array(values))
    assert found is not None
    ordered = [found.min, *found.percentiles.values(), found.max]
    assert ordered == sorted(ordered)
    assert found.effective is not None
    assert 0 < found.effective <= len(values)
    for name, (low, high) in found.intervals.items():
        assert low <= found.of(name) <= high


def test_nothing_has_no_distribution() -> None:
    assert describe(np.array([])) is None
    assert describe(np.array([]), failed=np.full(3, 1.0)) is None


@pytest.mark.parametrize(("share", "fewest"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368)])
def test_an_interval_is_stated_only_from_enough_observations(share: float, fewest: int) -> None:
    assert interval_ranks(share, fewest - 1) is None
    assert interval_ranks(share, fewest) is not None


@pytest.mark.parametrize("share", [0.5, 0.75, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("count", [50, 100, 368, 1000, 5000])
def test_order_statistics_cover_a_percentile_as_promised(share: float, count: int) -> None:
    ranks = interval_ranks(share, count)
    if ranks is None:
        assert share**count > 0.025
        return
    low, high = ranks
    covered = binom.cdf(high, count, share) - binom.cdf(low, count, share)
    assert covered >= 0.95
    narrower = binom.cdf(high - 1, count, share) - binom.cdf(low + 1, count, share)
    assert narrower < 0.975  # and it is not wider than it has to be


def autocorrelated(rng: np.random.Generator, count: int, phi: float) -> "np.ndarray":
    noise = rng.normal(size=count + 100) * math.sqrt(1 - phi**2)
    series = np.zeros(count + 100)
    for step in range(1, count + 100):
        series[step] = phi * series[step - 1] + noise[step]
    return series[100:]


def test_effective_observations_are_as_theory_has_them() -> None:
    rng = np.random.default_rng(1)
    assert np.mean([effective_count(rng.normal(size=2000)) for _ in range(20)]) > 1800
    for phi in (0.5, 0.9):
        found = np.mean([effective_count(autocorrelated(rng, 4000, phi)) for _ in range(20)])
        assert found == pytest.approx(4000 * (1 - phi) / (1 + phi), rel=0.2)


def test_values_that_are_all_alike_are_as_many_as_they_are() -> None:
    assert effective_count(np.ones(100)) == 100


def bimodal(rng: np.random.Generator, count: int) -> "np.ndarray":
    fast = rng.random(count) < 0.8
    return np.where(fast, rng.normal(0.05, 0.005, count), rng.normal(0.5, 0.05, count))


def correlated(rng: np.random.Generator, count: int) -> "np.ndarray":
    return np.exp(autocorrelated(rng, count, 0.5))


LONG = np.sort(bimodal(np.random.default_rng(0), 1_000_000))


@pytest.mark.parametrize("count", [60, 400])
@pytest.mark.parametrize(
    ("draw", "true"),
    [
        (lambda rng, count: rng.exponential(size=count), lambda share: -math.log(1 - share)),
        (bimodal, lambda share: float(LONG[int(share * len(LONG))])),
        (correlated, lambda share: math.exp(norm.ppf(share))),
    ],
    ids=["exponential", "bimodal", "correlated"],
)
def test_the_true_percentile_lies_within_the_printed_interval(
    draw: Callable[[np.random.Generator, int], "np.ndarray"],
    true: Callable[[float], float],
    count: int,
) -> None:
    rng = np.random.default_rng(7)
    inside = []
    for _ in range(200):
        found = describe(draw(rng, count))
        assert found is not None
        inside += [
            low <= true(SHARES[name]) <= high
            for name, (low, high) in found.intervals.items()
            if name != "mean"
        ]
    assert len(inside) > 300
    assert np.mean(inside) >= 0.95


def test_the_mean_has_an_interval_that_holds() -> None:
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(400):
        found = describe(rng.exponential(size=100))
        assert found is not None
        low, high = found.intervals["mean"]
        inside.append(low <= 1 <= high)
    assert np.mean(inside) > 0.91


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_proportions_interval_holds_the_proportion(good: int, bad: int) -> None:
    low, high = wilson(good, good + bad)
    assert 0 <= low <= high <= 1
    if good + bad:
        assert low <= good / (good + bad) <= high


def test_wilson_agrees_with_the_textbook() -> None:
    assert wilson(90, 100) == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert wilson(0, 100)[1] == pytest.approx(0.037, abs=1e-3)


def test_the_interval_of_a_mean_holds_it_though_a_few_requests_fail() -> None:
    rng = np.random.default_rng(5)
    share, timeout, inside = 0.02, 20.0, 0
    for _ in range(400):
        failed = int(rng.binomial(160, share))
        found = describe(rng.exponential(0.1, 160 - failed), failed=np.full(failed, timeout))
        assert found is not None
        low, high = found.intervals["mean"]
        inside += low <= share * timeout + (1 - share) * 0.1 <= high
    assert inside / 400 > 0.93  # in 4 % of the runs, not one fails
