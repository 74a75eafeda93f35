"""Gaps between chunks: the histogram's error, pooled percentiles, intervals by blocks of time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.load.gaps import describe_gaps, scaled
from core.load.histogram import bins, middles


@given(st.lists(st.integers(1, 10**13), min_size=1))
def test_a_bin_is_within_half_a_percent_of_every_time_in_it(times: list[int]) -> None:
    exact = np.array(times, dtype=np.int64)
    assert (abs(middles(bins(exact)) - exact) / exact <= 0.005).all()


@given(st.integers(1, 10**13), st.integers(1, 10**13))
def test_bins_are_in_the_order_of_their_times(one: int, other: int) -> None:
    first, second = bins(np.array(sorted([one, other]), dtype=np.int64))
    assert first <= second


def test_no_time_at_all_has_a_bin_too() -> None:
    assert bins(np.array([0, -5, 1], dtype=np.int64)).tolist() == [128, 128, 128]


def counted(slices: "np.ndarray", seconds: "np.ndarray") -> "np.ndarray":
    cells = slices.astype(np.int64) << 16 | bins((seconds * 1e9).astype(np.int64))
    unique, counts = np.unique(cells, return_counts=True)
    return np.column_stack([unique >> 16, unique & 0xFFFF, counts])


@given(st.lists(st.floats(1e-6, 100), min_size=1, max_size=300), st.integers(1, 5))
def test_pooled_figures_are_those_of_all_gaps(seconds: list[float], per_slice: int) -> None:
    exact = np.array(seconds)
    found = describe_gaps(counted(np.arange(len(exact)) // per_slice, exact))
    assert found is not None
    assert found.count == len(seconds)
    assert found.mean == pytest.approx(exact.mean(), rel=0.006)
    ordered = np.sort(exact)
    for share, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99")):
        true = ordered[int(np.ceil(share * len(exact) - 1e-9)) - 1]
        assert found.percentiles[name] == pytest.approx(true, rel=0.006)  # type: ignore[index]
    assert found.min == pytest.approx(ordered[0], rel=0.006)
    assert found.max == pytest.approx(ordered[-1], rel=0.006)


def test_no_gaps_have_no_distribution() -> None:
    assert describe_gaps(np.empty((0, 3), dtype=np.int64)) is None


def test_stalls_that_hit_every_stream_at_once_widen_the_interval() -> None:
    """A hundred streams that stall together are one observation of a stall, not a hundred."""
    rng = np.random.default_rng(0)
    true = 0.01 + 0.2 * 0.05
    inside = []
    for _ in range(100):
        slices = np.repeat(np.arange(300), 100)
        stalled = np.repeat(rng.random(300) < 0.05, 100)
        gaps = np.where(stalled, 0.21, 0.01) * rng.normal(1, 0.01, len(slices))
        found = describe_gaps(counted(slices, gaps))
        assert found is not None
        low, high = found.intervals["mean"]
        inside.append(low <= true <= high)
        assert found.intervals["p50"][0] <= found.percentiles["p50"] <= found.intervals["p50"][1]
    assert np.mean(inside) > 0.85


def test_too_little_time_states_no_interval() -> None:
    found = describe_gaps(counted(np.arange(7).repeat(100), np.full(700, 0.01)))
    assert found is not None
    assert found.intervals == {}


def test_gaps_are_spread_over_the_tokens_of_a_chunk() -> None:
    found = describe_gaps(counted(np.arange(40).repeat(10), np.full(400, 0.03)))
    spread = scaled(found, 3)
    assert found is not None
    assert spread is not None
    assert spread.mean == pytest.approx(found.mean / 3)
    assert spread.count == 3 * found.count
    assert spread.intervals["p50"][1] == pytest.approx(found.intervals["p50"][1] / 3)
    assert scaled(None, 2) is None
