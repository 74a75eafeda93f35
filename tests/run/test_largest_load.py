"""The largest load under the SLOs, searched for every configuration on real simulated servers."""

import pytest

from core.events import Outcome, Probe
from core.task import Configuration, Task
from tests.run.conftest import Session


def task_for(objective: str) -> Task:
    """One request at a time makes whoever waits behind it wait for 0.25 s; 16 at once do not."""
    return Task.model_validate(
        {
            "task_name": "largest",
            "model": {"id_or_path": "llama-3.1-8b"},
            "base_runtime": "simulated",
            "engine": {"arguments": {"gpu": "H100-80GB", "start-speed": 1000}},
            "parameters": {"max-running-requests": [1, 16]},
            "slo": {"ttft": {"p50": {"threshold": 0.45, "hard_fail": True, "fail_ratio": 0.0}}},
            "optimization": {
                "strategy": "grid_search",
                "objective": objective,
                "baseline": False,
                "confirmation": False,
            },
            "benchmark": {
                "traffic_scenarios": ["D(16,25)"],
                "load_search": {
                    "over": "concurrency",
                    "first": 2,
                    "most": 4,
                    "tolerance": 0.5,
                    "repeats": 0,
                },
                "max_requests_per_iteration": 16,
                "max_time_per_iteration": "2s",
            },
            "timeouts": {"warmup": "5s", "stop": 5},
        }
    )


@pytest.mark.parametrize("objective", ["maximize_goodput", "maximize_load_under_slo"])
async def test_the_configuration_that_bears_more_wins(session: Session, objective: str) -> None:
    ending, conclusion = await session.run(task_for(objective))
    assert ending.state == "finished"
    assert not [e.failure for e in conclusion.experiments if e.failure]
    assert conclusion.winner is not None
    assert conclusion.winner.configuration == Configuration({"max-running-requests": 16})
    (best,) = conclusion.winner.sub_rounds
    assert best.found is not None
    assert best.found.load == 4
    verdict = conclusion.winner.verdict
    assert verdict is not None
    assert verdict.value is not None
    load = best.metric("load_under_slo_per_gpu")
    goodput = best.metric("goodput_under_slo_per_gpu")
    assert verdict.value == (load if objective == "maximize_load_under_slo" else goodput)
    assert load == 4
    (other,) = [e for e in conclusion.experiments if e.number != conclusion.winner.number]
    (least,) = other.sub_rounds
    assert least.found is not None
    assert least.found.given_up or (least.found.load or 0) < 4
    assert other.outcome in {Outcome.OK, Outcome.INFEASIBLE, Outcome.PRUNED}
    assert any(isinstance(event, Probe) for event in least.found.probes)
