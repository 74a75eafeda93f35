"""What a series of rates has of a slow start, and whether it drifts."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.load.stationarity import TOLERANCE, drift, transient

RUNS = 300


def noisy(level: "np.ndarray", noise: float, seed: int) -> "np.ndarray":
    return level * np.random.default_rng(seed).normal(1, noise, len(level))


def share_cut(level: "np.ndarray", noise: float) -> float:
    return float(np.mean([transient(noisy(level, noise, seed)) > 0 for seed in range(RUNS)]))


def share_evident(level: "np.ndarray", noise: float) -> float:
    found = [drift(noisy(level, noise, seed)) for seed in range(RUNS)]
    return float(np.mean([one.evident and abs(one.change) > TOLERANCE for one in found if one]))


@given(st.floats(1, 1e6), st.integers(4, 40))
def test_an_even_rate_has_nothing_to_leave_out_and_does_not_drift(rate: float, count: int) -> None:
    rates = np.full(count, rate)
    assert transient(rates) == 0
    found = drift(rates)
    assert found is not None
    assert found.change == pytest.approx(0)


@pytest.mark.parametrize(
    ("count", "noise", "most"), [(8, 0.02, 0.03), (16, 0.04, 0.04), (8, 0.3, 0.2)]
)
def test_a_steady_load_is_seldom_measured_for_longer(count: int, noise: float, most: float) -> None:
    assert share_cut(np.ones(count), noise) <= most
    assert share_evident(np.ones(count), noise) <= most


@pytest.mark.parametrize("noise", [0.01, 0.04])
@pytest.mark.parametrize("count", [8, 16])
@pytest.mark.parametrize(
    "start",
    [
        lambda at: 1 - 0.4 * (at < 1),
        lambda at: 1 - 0.2 * (at < 2),
        lambda at: 1 - 0.5 * np.exp(-at),
    ],
    ids=["one low", "two low", "ever less low"],
)
def test_a_slow_start_is_left_out(
    start: Callable[["np.ndarray"], "np.ndarray"], count: int, noise: float
) -> None:
    assert share_cut(start(np.arange(count)), noise) > 0.8


def test_of_a_slow_start_just_what_is_slow_is_left_out() -> None:
    level = np.where(np.arange(16) < 3, 0.5, 1.0)
    cuts = [transient(noisy(level, 0.02, seed)) for seed in range(RUNS)]
    assert min(cuts) == 3
    assert np.median(cuts) == 3


@pytest.mark.parametrize("count", [8, 16])
def test_a_load_that_goes_on_changing_is_seen(count: int) -> None:
    growing = np.linspace(0.85, 1.15, count)
    assert share_cut(growing, 0.03) > 0.9
    assert share_evident(growing, 0.03) > 0.95


@given(st.floats(0.5, 3), st.integers(6, 40))
def test_a_rate_that_grows_evenly_is_told_as_it_is(growth: float, count: int) -> None:
    found = drift(np.linspace(1, 1 + growth, count))
    assert found is not None
    assert found.evident
    assert found.change == pytest.approx(growth / (1 + growth / 2))


def test_much_noise_is_no_evident_drift() -> None:
    assert share_evident(np.ones(8), 0.5) < 0.15


@pytest.mark.parametrize("rates", [np.ones(3), np.zeros(20), np.array([])])
def test_too_little_is_not_judged(rates: "np.ndarray") -> None:
    assert drift(rates) is None
    assert transient(rates) == 0


def test_what_came_before_a_stall_is_no_slow_start() -> None:
    assert transient(np.array([10.0] * 6 + [4.0] + [0.0] * 5)) == 0
    assert transient(np.array([10.0] * 4 + [4.0] * 8)) == 4, "a slower state is one"
