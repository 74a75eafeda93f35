"""Objectives: those with a name, metrics with a direction, and several at once."""

import pytest
from pydantic import ValidationError

from core.task import Optimization, objective_metric
from core.task.objective import BY_METRIC, NAMED
from tests.builders import sub_round


@pytest.mark.parametrize("metric", [*NAMED.values(), *BY_METRIC.values()])
def test_every_objective_improves_a_metric_of_a_load_level(metric: str) -> None:
    sub_round().metric(metric)


def test_a_list_is_several_objectives_the_first_of_which_decides() -> None:
    read = Optimization.model_validate(
        {"objective": ["maximize_throughput", "minimize_energy_per_token"]}
    )
    assert read.objective == "maximize_throughput"
    assert read.also == ("minimize_energy_per_token",)
    assert objective_metric(read.also[0]) == "energy_per_token"
    assert Optimization.model_validate(read.model_dump(mode="json")) == read


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("maximize_ttft_p99", "write minimize_ttft_p99"),
        ("e2e_latency_p90", "write minimize_e2e_latency_p90"),
        ("minimize_e2e_p90", "did you mean"),
        ([], "one name, or a list of two or three"),
        (["minimize_ttft", "maximize_goodput"], "maximize_goodput has to be the first"),
        (["minimize_ttft", "minimize_ttft_mean"], "improve the same metric"),
    ],
)
def test_a_wrong_objective_is_told_with_the_right_one(written: object, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Optimization.model_validate({"objective": written})


def test_cmaes_knows_one_objective() -> None:
    with pytest.raises(ValidationError, match="cmaes knows one objective"):
        Optimization.model_validate(
            {"strategy": "cmaes", "objective": ["minimize_ttft", "minimize_tpot"]}
        )
