import pytest
from pydantic import ValidationError

from core.events import Distribution, RequestCounts, SubRound
from tests.builders import distribution, sub_round


def test_every_metric_has_one_name() -> None:
    measured = sub_round(e2e=distribution(1.0, p90=2.0), ttft=0.1, throughput=1000, gpus=4)
    assert measured.metric("e2e_latency_mean") == 1.0
    assert measured.metric("e2e_latency_p90") == 2.0
    assert measured.metric("e2e_latency_p99.9") == 1.0
    assert measured.metric("ttft_p99") == 0.1
    assert measured.metric("total_throughput") == 1000
    assert measured.metric("total_throughput_per_gpu") == 250
    assert measured.metric("output_throughput_per_gpu") == 125
    assert measured.metric("error_rate") == 0
    assert measured.metric("goodput") is None


def test_what_was_not_measured_is_none_and_what_does_not_exist_is_an_error() -> None:
    assert sub_round(ttft=None).metric("ttft_mean") is None
    for name in ("ttft", "ttft_p42", "speed", "level_mean"):
        with pytest.raises(KeyError):
            sub_round().metric(name)


def test_a_figure_is_never_infinite() -> None:
    with pytest.raises(ValidationError):
        distribution(float("inf"))
    with pytest.raises(ValidationError):
        distribution(float("nan"))


def test_failures_are_a_share_of_what_was_sent() -> None:
    counts = RequestCounts(sent=10, completed=7, failed={"timeout": 2, "http_503": 1})
    assert counts.error_rate == pytest.approx(0.3)
    assert RequestCounts(sent=0, completed=0).error_rate == 0


def test_results_survive_json() -> None:
    measured = sub_round(failed={"timeout": 3})
    assert SubRound.model_validate_json(measured.model_dump_json()) == measured
    assert isinstance(distribution(1.0), Distribution)
