"""The Prometheus page."""

from core.engines.simulated.metrics import Metrics, Sample


def test_the_page_has_sglangs_names_and_adds_up() -> None:
    metrics = Metrics()
    metrics.prompt_tokens, metrics.generation_tokens = 30, 12
    metrics.cached_tokens, metrics.computed_tokens = 25, 75
    for seconds in (0.005, 0.3, 999.0):
        metrics.ttft.observe(seconds)
    page = metrics.page((Sample("num_running_reqs", 3, "Requests in the running batch."),), "m")
    lines = page.decode().splitlines()
    assert 'sglang:prompt_tokens_total{model_name="m"} 30' in lines
    assert 'sglang:generation_tokens_total{model_name="m"} 12' in lines
    assert 'sglang:num_running_reqs{model_name="m"} 3' in lines
    assert 'sglang:cache_hit_rate{model_name="m"} 0.25' in lines
    assert "# TYPE sglang:time_to_first_token_seconds histogram" in lines
    buckets = [
        int(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("sglang:time_to_first_token_seconds_bucket")
    ]
    assert buckets == sorted(buckets)
    assert (buckets[0], buckets[-1]) == (1, 3)
    assert 'sglang:time_to_first_token_seconds_count{model_name="m"} 3' in lines


def test_nothing_seen_is_no_hit() -> None:
    assert Metrics().cache_hit_rate == 0.0
