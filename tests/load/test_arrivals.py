"""Arrival processes: as random as they should be, and at the rate that was asked."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from core.load.arrivals import BLOCK, schedule
from core.task import Arrivals

POISSON, CONSTANT = Arrivals(), Arrivals(process="constant")


def first(count: int, arrivals: Arrivals, rate: float, seed: int = 1) -> "np.ndarray":
    rng = np.random.default_rng(seed)
    return np.array(list(itertools.islice(schedule(arrivals, rate, rng), count)))


@pytest.mark.parametrize("seed", range(5))
def test_poisson_gaps_are_exponential(seed: int) -> None:
    gaps = np.diff(first(20_000, POISSON, 50, seed), prepend=0)
    assert kstest(gaps, "expon", args=(0, 1 / 50)).pvalue > 0.01


def test_counts_of_a_poisson_process_vary_as_much_as_their_mean() -> None:
    counts = np.histogram(first(50_000, POISSON, 1), bins=np.arange(0, 50_000, 10))[0]
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.1)


@given(
    st.sampled_from(["poisson", "constant", "gamma"]),
    st.floats(0.2, 5),
    st.floats(0.1, 1000),
    st.integers(0, 100),
)
def test_the_rate_over_whole_blocks_is_the_one_asked(
    process: str, burstiness: float, rate: float, seed: int
) -> None:
    arrivals = Arrivals.model_validate({"process": process, "burstiness": burstiness})
    moments = first(3 * BLOCK, arrivals, rate, seed)
    assert (np.diff(moments) >= 0).all()
    assert moments[-1] == pytest.approx(3 * BLOCK / rate)


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
