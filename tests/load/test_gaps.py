"""Gaps between chunks: the histogram's error, pooled percentiles, intervals by steps of time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.load.gaps import _Failing, describe_gaps, scaled
from core.load.histogram import bins, middles


@given(st.lists(st.integers(2, 10**13), min_size=1))
def test_a_bin_is_within_half_a_percent_of_every_time_in_it(times: list[int]) -> None:
    exact = np.array(times, dtype=np.int64)
    assert (abs(middles(bins(exact)) - exact) / exact <= 0.005).all()


@given(st.integers(1, 10**13), st.integers(1, 10**13))
def test_bins_are_in_the_order_of_their_times(one: int, other: int) -> None:
    first, second = bins(np.array(sorted([one, other]), dtype=np.int64))
    assert first <= second


def test_no_time_at_all_has_a_bin_too() -> None:
    indices = bins(np.array([0, -5, 1], dtype=np.int64))
    assert indices.tolist() == [128, 128, 128]
    assert middles(indices).tolist() == [0, 0, 0]


def counted(slices: "np.ndarray", seconds: "np.ndarray") -> "np.ndarray":
    cells = slices.astype(np.int64) << 16 | bins((seconds * 1e9).astype(np.int64))
    unique, counts = np.unique(cells, return_counts=True)
    return np.column_stack([unique >> 16, unique & 0xFFFF, counts])


@given(st.lists(st.floats(1e-6, 100), min_size=1, max_size=300), st.integers(1, 5))
def test_pooled_figures_are_those_of_all_gaps(seconds: list[float], per_slice: int) -> None:
    exact = np.array(seconds)
    found = describe_gaps(counted(np.arange(len(exact)) // per_slice, exact), 100)
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
    assert describe_gaps(np.empty((0, 3), dtype=np.int64), 0) is None


def test_stalls_that_hit_every_stream_at_once_widen_the_interval() -> None:
    """A hundred streams that stall together are one observation of a stall, not a hundred."""
    rng = np.random.default_rng(0)
    true = 0.01 + 0.2 * 0.05
    inside = []
    for _ in range(100):
        slices = np.repeat(np.arange(300), 100)
        stalled = np.repeat(rng.random(300) < 0.05, 100)
        gaps = np.where(stalled, 0.21, 0.01) * rng.normal(1, 0.01, len(slices))
        found = describe_gaps(counted(slices, gaps), 1000)
        assert found is not None
        low, high = found.intervals["mean"]
        inside.append(low <= true <= high)
        assert found.intervals["p50"][0] <= found.percentiles["p50"] <= found.intervals["p50"][1]
    assert np.mean(inside) > 0.9


def test_gaps_of_one_request_are_alike_and_widen_the_interval() -> None:
    """Fifty requests at a pace of their own are worth about fifty gaps, not the two thousand."""
    rng = np.random.default_rng(1)
    inside: dict[str, list[bool]] = {"p50": [], "p75": [], "p90": [], "mean": []}
    for _ in range(200):
        moments, gaps = [], []
        for _ in range(8):
            each = np.repeat(rng.uniform(0.006, 0.012, 7), 40)  # seven requests, one after another
            moments.append(np.cumsum(each) - rng.uniform(0, 0.36))
            gaps.append(each)
        at, all_gaps = np.concatenate(moments), np.concatenate(gaps)
        seen = (at > 0) & (at < 2.1)
        found = describe_gaps(counted(at[seen] / 0.1, all_gaps[seen]), 50)
        assert found is not None
        for name, true in (("p50", 0.009), ("p75", 0.0105), ("p90", 0.0114), ("mean", 0.009)):
            if ends := found.intervals.get(name):  # type: ignore[call-overload]
                inside[name].append(ends[0] * 0.995 <= true <= ends[1] * 1.005)
    for name, held in inside.items():
        assert len(held) > 20, name
        assert np.mean(held) > 0.9, name


def test_what_fails_with_all_its_gaps_is_in_the_interval() -> None:
    rng = np.random.default_rng(2)
    share, inside = 0.05, []
    true = (share * 10 * 20.0 + (1 - share) * 10 * 0.01) / 10
    for _ in range(200):
        failed = int(rng.binomial(160, share))
        came = counted(
            np.sort(rng.integers(0, 60, 10 * (160 - failed))), np.full(10 * (160 - failed), 0.01)
        )
        missing = np.array(
            [
                [int(at), int(bins(np.array([20 * 10**9]))[0]), 10]
                for at in rng.integers(0, 60, failed)
            ],
            dtype=np.int64,
        ).reshape(-1, 3)
        found = describe_gaps(came, 160, missing)
        assert found is not None
        low, high = found.intervals["mean"]
        inside.append(low * 0.995 <= true <= high * 1.005)
    assert np.mean(inside) > 0.93


@pytest.mark.parametrize("ratio", [0.1, 1.0, 3.0])
def test_the_share_that_is_owed_varies_as_that_of_requests_that_fail(ratio: float) -> None:
    """Whoever fails late owes few gaps, and leaves out many that it brought."""
    failed = np.random.default_rng(4).binomial(400, 0.3, 20_000) / 400
    subject = _Failing(120, 400, ratio)
    spread = float(np.std([subject.of_gaps(share) for share in failed]))
    assert subject.variance**0.5 == pytest.approx(spread, rel=0.05)


def test_a_percentile_of_gaps_takes_as_many_requests_as_one_of_requests() -> None:
    gaps = counted(np.arange(100_000) // 100, np.random.default_rng(3).uniform(0.01, 0.02, 100_000))
    few, enough = describe_gaps(gaps, 367), describe_gaps(gaps, 368)
    assert few is not None
    assert enough is not None
    assert "p99" not in few.intervals
    assert "p95" in few.intervals
    assert "p99" in enough.intervals


def test_too_little_time_states_no_interval() -> None:
    found = describe_gaps(counted(np.arange(7).repeat(100), np.full(700, 0.01)), 700)
    assert found is not None
    assert found.intervals == {}


def test_gaps_are_spread_over_the_tokens_of_a_chunk() -> None:
    found = describe_gaps(counted(np.arange(40).repeat(10), np.full(400, 0.03)), 400)
    spread = scaled(found, 3)
    assert found is not None
    assert spread is not None
    assert spread.mean == pytest.approx(found.mean / 3)
    assert spread.count == 3 * found.count
    assert spread.intervals["p50"][1] == pytest.approx(found.intervals["p50"][1] / 3)
    assert scaled(None, 2) is None
