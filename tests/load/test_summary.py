"""From made-up requests to a sub-round whose every figure can be worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.events import SubRound
from core.load.conductor import Window
from core.load.latencies import loosest
from core.load.observations import Observations
from core.load.plan import LevelPlan
from core.load.summary import summarise
from core.task import Level, Scenario, Slo
from core.verdict import judge
from tests.load.fabricated import START, Call, Playback, closed_loop, observed, pairs


def plan(slots: int | None = 4, **more: object) -> LevelPlan:
    level = Level(
        scenario=Scenario.model_validate("D(100,10)"),
        concurrency=slots,
        request_rate=None if slots else 10,
    )
    return LevelPlan.model_validate(
        {"index": 3, "level": level, "requests": 10, "max_seconds": 100, **more}
    )


def summed_up(
    calls: list[Call],
    opened: float,
    closed: float,
    asked: LevelPlan | None = None,
    *,
    seen: Observations | None = None,
    stamped: bool = True,
) -> SubRound:
    window = Window(START + int(opened * 1e9), START + int(closed * 1e9))
    return summarise(
        asked or plan(),
        seen or observed(calls, 1000.0),
        window,
        started_at=5.0,
        stamped=stamped,
    )


def test_a_full_load_has_the_rates_of_full_load_wherever_the_window_lies() -> None:
    calls = closed_loop(4, 40, ttft=0.2, itl=0.02, tokens=41)
    for opened, closed in ((3.0, 9.0), (3.3, 8.7), (5.05, 11.51)):
        result = summed_up(calls, opened, closed)
        assert result.duration == pytest.approx(closed - opened)
        assert result.request_throughput == pytest.approx(4, rel=0.01)
        assert result.input_throughput == pytest.approx(400, rel=0.01)
        assert result.output_throughput == pytest.approx(4 * 41, rel=0.02)
        assert result.client is not None
        assert not result.client.bound


def test_latencies_are_of_the_requests_due_in_the_window() -> None:
    calls = [Call(1.0, ttft=9.0), Call(2.0, ttft=0.5), Call(2.5, ttft=0.7), Call(4.0, ttft=9.0)]
    result = summed_up(calls, 1.5, 3.5)
    assert result.requests.sent == 2
    assert result.ttft is not None
    assert (result.ttft.min, result.ttft.max) == pytest.approx((0.5, 0.7))
    assert result.e2e_latency is not None
    assert result.e2e_latency.max == pytest.approx(0.79)
    assert result.tpot is not None
    assert result.tpot.mean == pytest.approx(0.01)


def test_a_late_send_counts_in_the_ttft_but_not_in_that_from_the_send() -> None:
    calls = [Call(2.0 + 0.1 * n, ttft=0.3, late=0.2) for n in range(5)]
    result = summed_up(calls, 1.5, 3.5, plan(None))
    assert result.ttft is not None
    assert result.ttft_from_send is not None
    assert result.ttft.mean == pytest.approx(0.3)
    assert result.ttft_from_send.mean == pytest.approx(0.1)
    assert result.client is not None
    assert result.client.bound  # two thirds of the TTFT were spent in the client
    assert any("too slow" in note for note in result.notes)


def test_several_tokens_a_chunk_are_known_by_the_usage() -> None:
    calls = closed_loop(4, 30, ttft=0.2, itl=0.06, tokens=40, per_chunk=4)
    result = summed_up(calls, 3.0, 12.0)
    assert result.tokens_per_chunk == pytest.approx(4)
    assert result.itl is not None
    assert result.itl_per_token is not None
    assert result.itl.mean == pytest.approx(0.06, rel=0.005)
    assert result.itl_per_token.mean == pytest.approx(0.015, rel=0.005)
    assert result.tpot is not None
    assert result.tpot.mean == pytest.approx(9 * 0.06 / 39)


def test_a_chunk_that_is_a_token_has_no_second_itl() -> None:
    result = summed_up(closed_loop(4, 30, ttft=0.2, itl=0.02, tokens=41), 3.0, 9.0)
    assert result.tokens_per_chunk == pytest.approx(1)
    assert result.itl_per_token is None


def test_without_usage_chunks_are_tokens_and_that_is_said() -> None:
    result = summed_up(closed_loop(4, 30, ttft=0.2, itl=0.02, tokens=41, usage=False), 3.0, 9.0)
    assert result.output_tokens is not None
    assert result.output_tokens.mean == 41
    assert any("no usage" in note for note in result.notes)


def test_answers_and_prompts_of_the_wrong_length_are_flagged() -> None:
    result = summed_up(closed_loop(4, 30, ttft=0.2, tokens=41, asked_output=50), 3.0, 9.0)
    assert any("100% of the answers" in note for note in result.notes)
    result = summed_up(closed_loop(4, 30, ttft=0.2, tokens=41, prompt_tokens=120), 3.0, 9.0)
    assert any("100% of the prompts" in note for note in result.notes)
    result = summed_up(closed_loop(4, 30, ttft=0.2, tokens=41, prompt_tokens=101), 3.0, 9.0)
    assert result.notes == ()


def test_answers_of_one_token_have_no_tpot_and_keep_every_bound_on_it() -> None:
    calls = [Call(2.0 + 0.1 * n, tokens=1) for n in range(10)]
    result = summed_up(calls, 1.5, 3.5, plan(thresholds={"tpot": 0.001}))
    assert result.tpot is None
    assert result.attainment == 1


def test_goodput_counts_requests_that_keep_every_bound() -> None:
    calls = [
        Call(2.0 + 0.01 * n, ttft=0.5 if n % 2 else 2.0, itl=0.1 if n % 3 == 0 else 0.01)
        for n in range(60)
    ]
    bounds = {"ttft_p50": 0.1, "ttft_p99": 1.0, "tpot": 0.05}
    result = summed_up(calls, 1.5, 3.5, plan(thresholds=bounds))
    assert result.goodput_by_slo == {"ttft": pytest.approx(15), "tpot": pytest.approx(20)}
    assert result.goodput == pytest.approx(10)
    assert result.attainment == pytest.approx(20 / 60)
    assert result.attainment_interval is not None
    assert result.attainment_interval[0] < 20 / 60 < result.attainment_interval[1]


def test_a_failed_request_keeps_no_bound() -> None:
    calls = [Call(2.0 + 0.1 * n, ending=503 if n < 5 else 0) for n in range(10)]
    result = summed_up(calls, 1.5, 3.5, plan(thresholds={"ttft": 100.0}))
    assert result.attainment == 0.5
    assert result.requests.failed == {"http_503": 5}
    assert result.ttft is not None
    assert result.ttft.percentiles["p90"] == 600
    assert result.ttft.mean == pytest.approx((5 * 0.1 + 5 * 600) / 10)
    assert result.ttft.max == pytest.approx(0.1)
    assert any("time-out of 600 s" in note for note in result.notes)


def test_a_bound_on_a_mean_is_broken_by_what_failed() -> None:
    calls = [Call(2.0 + 0.01 * n, ending=1 if n == 7 else 0) for n in range(100)]
    slo = Slo.model_validate({"ttft": {"threshold": 0.2}, "tpot": {"threshold": 0.05}})
    asked = plan(request_timeout=30.0)
    for failing in (calls, [call for call in calls if not call.ending]):
        result = summed_up(failing, 1.5, 3.5, asked)
        verdict = judge([result], slo, "maximize_throughput", levels=1)
        assert [one.held for one in verdict.slos] == [failing is not calls] * 2


def test_a_request_that_failed_after_the_time_out_counts_with_the_time_it_took() -> None:
    calls = [Call(2.0, ttft=40.0, ending=1), *(Call(2.1 + 0.1 * n) for n in range(3))]
    result = summed_up(calls, 1.5, 3.5, plan(request_timeout=30.0))
    assert result.ttft is not None
    assert result.ttft.mean == pytest.approx((40.09 + 3 * 0.1) / 4)
    assert result.ttft.percentiles["p99"] == pytest.approx(40.09)


def test_a_failed_request_owes_the_gaps_that_never_came() -> None:
    calls = [Call(2.0 + 0.01 * n, ending=1 if n == 7 else 0) for n in range(100)]
    result = summed_up(calls, 1.5, 3.5, plan(request_timeout=30.0))
    itl = result.itl
    assert itl is not None
    assert itl.count == 99 * 9
    assert itl.mean == pytest.approx((99 * 9 * 0.01 + 10 * 30) / (99 * 9 + 10), rel=0.006)
    assert itl.percentiles["p95"] == pytest.approx(0.01, rel=0.006)
    assert itl.percentiles["p99"] == pytest.approx(30, rel=0.006)
    assert itl.max == pytest.approx(0.01, rel=0.006)
    slo = Slo.model_validate({"itl": {"p99": {"threshold": 0.05}}})
    assert not judge([result], slo, "maximize_throughput", levels=1).slos[0].held


def test_a_bound_on_anything_else_is_refused() -> None:
    assert loosest({"ttft_p50": 1, "ttft_p99": 3, "itl": 2}) == {"ttft": 3, "itl": 2}
    with pytest.raises(KeyError):
        loosest({"throughput": 1})


def test_slots_that_stand_idle_are_the_clients_fault() -> None:
    calls = closed_loop(4, 40, ttft=0.2, itl=0.02, tokens=41)
    idle = [call for number, call in enumerate(calls) if number % 8]
    result = summed_up(idle, 3.0, 9.0)
    assert result.client is not None
    assert result.client.bound
    assert any("requests under way" in note for note in result.notes)


def test_first_tokens_read_late_and_together_bind_the_client() -> None:
    late = closed_loop(4, 30, ttft=0.05, itl=0.01, tokens=41, merged=2, lag=0.008)
    result = summed_up(late, 3.0, 9.0)
    assert result.client is not None
    assert result.client.ttft_error == pytest.approx(0.02)
    assert result.client.bound


def test_first_tokens_that_the_server_sent_together_do_not() -> None:
    burst = closed_loop(4, 30, ttft=0.05, itl=0.01, tokens=41, merged=2, lag=0.0005)
    result = summed_up(burst, 3.0, 9.0)
    assert result.client is not None
    assert not result.client.bound


def test_without_the_kernels_stamps_the_loops_lateness_is_the_error() -> None:
    calls = closed_loop(4, 30, ttft=0.05, itl=0.01, tokens=41)
    seen = observed(calls, 1000.0)
    lag = (
        Playback([])
        .tally(0, 1000)
        .model_copy(
            update={"loop_lags": pairs(np.full(100, (23 << 7)))}  # 2^22 to 2^23 ns, about 4 ms
        )
    )
    seen.take(0, lag)
    result = summed_up(calls, 3.0, 9.0, seen=seen, stamped=False)
    assert result.client is not None
    assert result.client.read_lag_p99 is None
    assert result.client.ttft_error == pytest.approx(0.0042, rel=0.02)
    assert result.client.bound


def test_the_series_shows_the_whole_load_second_by_second() -> None:
    calls = closed_loop(4, 20, ttft=0.2, itl=0.02, tokens=41)
    result = summed_up(calls, 5.0, 9.0, seen=observed(calls, 15.0))
    series = result.series
    assert series is not None
    assert (series.began, series.step) == (-5, 1)
    assert len(series.output_throughput) == len(series.in_flight) == len(series.ttft) == 15
    assert series.output_throughput[5:14] == pytest.approx([4 * 41] * 9, rel=0.1)
    assert series.in_flight[3:12] == pytest.approx([4] * 9, rel=0.05)
    assert series.ttft[5] == pytest.approx(0.2)


def test_cost_and_energy_follow_from_price_and_power() -> None:
    calls = closed_loop(4, 30, ttft=0.2, itl=0.02, tokens=41)
    result = summed_up(calls, 3.0, 9.0, plan(gpus=2, gpu_hour_price=3.6))
    assert result.cost_per_million_tokens == pytest.approx(2e3 / result.total_throughput)
    assert result.energy_per_token is None
    powered = result.model_copy(update={"power": 700.0})
    assert powered.energy_per_token == pytest.approx(700 / result.output_throughput)
    assert powered.metric("throughput_per_watt") == pytest.approx(result.total_throughput / 700)


@settings(max_examples=20)
@given(st.floats(2, 6), st.floats(0.5, 10))
def test_no_token_is_counted_twice_over_adjoining_windows(opened: float, length: float) -> None:
    calls = closed_loop(4, 30, ttft=0.2, itl=0.02, tokens=41)
    seen = observed(calls, 1000.0)
    middle, end = opened + length / 3, opened + length

    def tokens(a: float, b: float) -> float:
        result = summed_up(calls, a, b, seen=seen)
        return result.output_throughput * result.duration

    if any(opened <= c.due < middle for c in calls) and any(middle <= c.due < end for c in calls):
        assert tokens(opened, middle) + tokens(middle, end) == pytest.approx(
            tokens(opened, end), rel=1e-6
        )
