import pytest
from pydantic import ValidationError

from core.task import Slo


def test_every_bound_has_the_name_of_its_metric() -> None:
    slo = Slo.model_validate(
        {
            "latency": {"p50": {"threshold": 2}, "p90": {"threshold": 5, "hard_fail": True}},
            "ttft": {"threshold": 1.0, "weight": 2},
            "tpot": {"p99": {"threshold": 0.05}},
            "itl": 0.03,
        }
    )
    assert {name: target.threshold for name, target in slo.targets().items()} == {
        "e2e_latency_p50": 2,
        "e2e_latency_p90": 5,
        "ttft_mean": 1.0,
        "tpot_p99": 0.05,
        "itl_mean": 0.03,
    }
    assert slo.targets()["ttft_mean"].weight == 2


def test_a_bound_is_soft_unless_said() -> None:
    target = Slo.model_validate({"latency": {"p90": 5}}).targets()["e2e_latency_p90"]
    assert not target.hard_fail
    assert (target.weight, target.fail_ratio) == (1.0, 0.5)


@pytest.mark.parametrize(
    "written",
    [
        {"ttft": {"threshold": -1}},
        {"ttft": {"threshold": 0}},
        {"ttft": {"threshold": 1, "weight": -1}},
        {"latency": {"p42": {"threshold": 1}}},
        {"latency": {"p90": {}}},
        {"steepness": 0},
    ],
)
def test_what_is_no_bound_is_refused(written: dict) -> None:
    with pytest.raises(ValidationError):
        Slo.model_validate(written)


def test_slos_survive_json() -> None:
    slo = Slo.model_validate({"latency": {"p99.9": 5}, "ttft": 1, "steepness": 0.2})
    assert Slo.model_validate_json(slo.model_dump_json()) == slo
