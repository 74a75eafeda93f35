"""Arrival processes: as random as they should be, and at the rate that was asked."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from core.load.arrivals import LONGEST_ROUND, schedule
from core.task import Arrivals

POISSON, CONSTANT = Arrivals(), Arrivals(process="constant")


def first(
    count: int, arrivals: Arrivals, rate: float, seed: int = 1, *, a_round: int = LONGEST_ROUND
) -> "np.ndarray":
    rng = np.random.default_rng(seed)
    return np.array(list(itertools.islice(schedule(arrivals, rate, a_round, rng), count)))


@pytest.mark.parametrize("seed", range(5))
def test_poisson_gaps_are_exponential(seed: int) -> None:
    gaps = np.diff(first(20_000, POISSON, 50, seed), prepend=0)
    assert kstest(gaps, "expon", args=(0, 1 / 50)).pvalue > 0.01


@pytest.mark.parametrize("count", [20, 200])
def test_arrivals_given_their_count_pass_for_poisson_as_often_as_poisson_ones(count: int) -> None:
    """The gaps of any window against the exponential law, and its moments against the uniform one.

    The latter is exact: a hundredth of the windows of a Poisson process fail at 1 %.
    """
    gaps_pass = moments_pass = 0
    for seed in range(500):
        opened = int(np.random.default_rng(seed).integers(count))
        moments = first(3 * count, POISSON, 50, seed, a_round=count)[opened : opened + count + 1]
        gaps_pass += kstest(np.diff(moments), "expon", args=(0, 1 / 50)).pvalue > 0.01
        inner = (moments[1:-1] - moments[0]) / (moments[-1] - moments[0])
        moments_pass += kstest(inner, "uniform").pvalue > 0.01
    assert gaps_pass / 500 >= 0.99
    assert moments_pass / 500 == pytest.approx(0.99, abs=0.012)


def test_counts_of_a_poisson_process_vary_as_much_as_their_mean() -> None:
    counts = np.histogram(first(50_000, POISSON, 1), bins=np.arange(0, 50_000, 10))[0]
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.1)


@given(
    st.sampled_from(["poisson", "constant", "gamma"]),
    st.floats(0.2, 5),
    st.floats(0.1, 1000),
    st.integers(2, 200),
    st.integers(0, 100),
)
def test_the_rate_of_any_window_is_the_one_asked(
    process: str, burstiness: float, rate: float, count: int, opened: int
) -> None:
    arrivals = Arrivals.model_validate({"process": process, "burstiness": burstiness})
    moments = first(opened + count + 1, arrivals, rate, opened, a_round=count)
    assert (np.diff(moments) >= 0).all()
    assert moments[-1] - moments[opened] == pytest.approx(count / rate)


def test_the_rate_of_a_window_too_long_to_be_drawn_at_once_is_hardly_off() -> None:
    count = LONGEST_ROUND * 5 // 2
    moments = first(count, POISSON, 100, a_round=count)
    assert count / moments[-1] == pytest.approx(100, rel=0.005)


def test_constant_arrivals_are_evenly_spaced() -> None:
    assert np.diff(first(1000, CONSTANT, 8)) == pytest.approx(0.125)


def test_gamma_gaps_are_as_bursty_as_asked() -> None:
    for shape in (0.25, 4.0):
        gaps = np.diff(first(50_000, Arrivals(process="gamma", burstiness=shape), 10))
        assert (gaps.std() / gaps.mean()) ** 2 == pytest.approx(1 / shape, rel=0.1)


def test_a_ramp_rises_in_proportion_to_time_and_then_stays() -> None:
    moments = first(4000, Arrivals(process="constant", ramp=20), 100)
    assert (moments < 20).sum() == pytest.approx(1000, abs=2)  # half of 20 s at 100/s
    assert (moments < 10).sum() == pytest.approx(250, abs=2)  # a quarter of that by half time
    late = moments[moments > 20]
    assert np.diff(late) == pytest.approx(0.01)


def test_the_same_seed_gives_the_same_schedule() -> None:
    assert (first(1000, POISSON, 7, 3) == first(1000, POISSON, 7, 3)).all()
    assert (first(1000, POISSON, 7, 3) != first(1000, POISSON, 7, 4)).any()
