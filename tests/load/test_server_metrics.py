"""Prometheus pages as engines write them, and what is made of samples of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines import metric_names
from core.load.server_metrics import Snapshot, read_page, summed_up, with_server_metrics
from tests.builders import sub_round

VLLM = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="/m {x}"} 3.0
vllm:num_requests_running{engine="1",model_name="/m {x}"} 2.0
vllm:num_requests_waiting{engine="0",model_name="/m"} 7.0
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:kv_cache_usage_perc{engine="1"} 0.75
vllm:prompt_tokens_total{engine="0"} 960.0
vllm:prompt_tokens_by_source_total{source="local_compute"} 512.0
vllm:generation_tokens_total{engine="0"} 1.6e+01
vllm:generation_tokens_created{engine="0"} 1.795624422268671e+09
vllm:num_preemptions_total{engine="0"} 2.0
vllm:prefix_cache_queries_total{engine="0"} 960.0
vllm:prefix_cache_hits_total{engine="0"} 448.0 1795624422268
vllm:corrupted{engine="0"} NaN
"""

LLAMACPP = """\
llamacpp:prompt_tokens_total 48
llamacpp:prompt_tokens_cached_total 46
llamacpp:tokens_predicted_total 16
llamacpp:requests_processing 1
llamacpp:requests_deferred 4
"""


def test_ranks_are_added_up_and_shares_averaged() -> None:
    seen = read_page(VLLM, metric_names.VLLM, 5.0)
    assert seen == Snapshot(
        at=5.0,
        prompt_tokens=960.0,
        output_tokens=16.0,
        running=5.0,
        queued=7.0,
        kv_usage=0.5,
        preemptions=2.0,
        cache_hits=448.0,
        cache_queries=960.0,
    )


def test_llama_server_counts_cached_prompts_apart() -> None:
    seen = read_page(LLAMACPP, metric_names.LLAMACPP, 0.0)
    assert (seen.prompt_tokens, seen.cache_hits, seen.cache_queries) == (94.0, 46.0, 94.0)
    assert seen.kv_usage is None


def test_what_sglang_does_not_show_yet_has_not_happened() -> None:
    page = 'sglang:prompt_tokens_total{is_streaming="false"} 46.0\n'
    seen = read_page(page, metric_names.SGLANG, 0.0)
    assert (seen.cache_hits, seen.cache_queries, seen.preemptions) == (0.0, 46.0, 0.0)
    assert read_page("", metric_names.SGLANG, 0.0).preemptions is None


@given(st.text())
def test_no_page_breaks_the_reader(text: str) -> None:
    read_page(text, metric_names.VLLM, 0.0)


def look(at: float, output: float | None, **others: float | None) -> Snapshot:
    fields: dict[str, float | None] = dict.fromkeys(
        ("prompt_tokens", "running", "queued", "kv_usage", "preemptions", "cache_hits"), None
    )
    fields["cache_queries"] = None
    return Snapshot(at=at, output_tokens=output, **{**fields, **others})  # type: ignore[arg-type]


def test_counters_are_those_of_the_window() -> None:
    seen = [look(second, 100.0 * second, running=float(second)) for second in range(11)]
    figures = summed_up(seen, 2.5, 7.5)
    assert figures.output_tokens == pytest.approx(500.0)
    assert figures.running == pytest.approx(5.0)
    assert figures.running_peak == 7.0
    assert figures.samples == 5
    assert figures.queued is None


def test_a_counter_that_was_set_back_tells_nothing() -> None:
    assert summed_up([look(0, 10.0), look(1, 4.0)], 0, 1).output_tokens is None
    assert summed_up([look(0, 10.0)], 0, 1).output_tokens is None


def test_hit_rate_is_that_of_the_window() -> None:
    seen = [
        look(0, 0.0, cache_hits=900.0, cache_queries=1000.0),
        look(10, 0.0, cache_hits=925.0, cache_queries=1100.0),
    ]
    assert summed_up(seen, 0, 10).cache_hit_rate == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("tokens", "noted"), [(15_000.0, False), (15_500.0, False), (30_000, True)]
)
def test_counts_that_contradict_are_noted(tokens: float, noted: bool) -> None:
    measured = sub_round(throughput=1000.0)  # 500 generated tokens a second for 30 s
    began = measured.started_at
    seen = [look(began, 0.0), look(began + measured.duration, float(tokens))]
    found = with_server_metrics(measured, seen, metric_names.VLLM)
    assert found.server is not None
    assert found.server.output_tokens == tokens
    assert (len(found.notes) == 1) is noted


def test_without_a_look_nothing_is_said() -> None:
    assert with_server_metrics(sub_round(), [], metric_names.VLLM).server is None
