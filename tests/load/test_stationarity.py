"""The test for a steady load: it passes what is steady, and nothing that drifts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.load.stationarity import TOLERANCE, drift, steady_span


def noisy(level: "np.ndarray", noise: float, seed: int) -> "np.ndarray":
    return level * np.random.default_rng(seed).normal(1, noise, len(level))


PERIODS = st.sampled_from([1, 2, 4])


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=4), st.integers(5, 12))
def test_a_rate_that_repeats_itself_is_steady_throughout(cycle: list[float], times: int) -> None:
    rates = np.tile(cycle, times)
    assert steady_span(rates, len(cycle)) == len(rates)


@given(st.floats(0.5, 3), st.integers(12, 40), PERIODS)
def test_a_rate_that_grows_is_not_steady(growth: float, count: int, period: int) -> None:
    found = drift(np.linspace(1, 1 + growth, count), period)
    assert found is not None
    assert not found.steady
    assert found.evident


def test_a_jump_is_left_out_of_the_steady_stretch() -> None:
    rates = noisy(np.concatenate([np.full(10, 100.0), np.full(12, 400.0)]), 0.01, 1)
    length = steady_span(rates, 4)
    assert length is not None
    assert length <= 12


@pytest.mark.parametrize("count", [8, 12, 24])
def test_drift_beyond_the_tolerance_is_seldom_called_steady(count: int) -> None:
    """Two one-sided tests at 5 %: at the border of the tolerance they pass one time in twenty."""
    half = np.repeat([1 - TOLERANCE / 2, 1 + TOLERANCE / 2], [count // 2, count - count // 2])
    passed = [found.steady for seed in range(1000) if (found := drift(noisy(half, 0.03, seed), 4))]
    assert len(passed) == 1000
    assert np.mean(passed) < 0.08


def test_a_steady_rate_with_little_noise_is_seen_to_be_steady() -> None:
    found = [drift(noisy(np.ones(8), 0.02, seed), 4) for seed in range(300)]
    assert np.mean([one.steady for one in found if one]) > 0.9


def test_much_noise_is_neither_steady_nor_evidently_drifting() -> None:
    found = [drift(noisy(np.ones(8), 0.5, seed), 4) for seed in range(200)]
    assert np.mean([one.steady for one in found if one]) < 0.05
    assert np.mean([one.evident for one in found if one]) < 0.15


@pytest.mark.parametrize("rates", [np.ones(7), np.zeros(20), np.array([])])
def test_too_little_is_not_judged(rates: "np.ndarray") -> None:
    assert drift(rates, 4) is None
    assert steady_span(rates, 4) is None
