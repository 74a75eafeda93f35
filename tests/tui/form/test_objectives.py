"""What the form offers to improve: everything that a task file may name, and only what goes on."""

from core.task import LOAD_OBJECTIVES, OBJECTIVES, objective_metric, parse_task
from tui.form.objectives import SEVERAL, further_choices, single_choices

TASK = """\
task_name: several
model: {{id_or_path: tiny}}
base_runtime: simulated
parameters: {{page-size: [1, 16]}}
optimization: {{objective: [{}]}}
"""


def test_every_objective_can_be_chosen_and_several_at_last() -> None:
    assert [choice.value for choice in single_choices()] == [*OBJECTIVES, SEVERAL]


def test_every_pair_that_is_offered_is_one_that_a_task_may_have() -> None:
    first = "minimize_ttft"
    offered = [choice.value for choice in further_choices((first,))]
    assert "minimize_e2e_latency_p90" in offered
    assert "minimize_ttft_mean" not in offered, "it is the same metric by another name"
    assert not LOAD_OBJECTIVES & set(offered), "the load is searched for the first alone"
    for second in offered:
        task = parse_task(TASK.format(f"{first}, {second}")).task
        assert {objective_metric(o) for o in task.optimization.objectives} == {
            objective_metric(first),
            objective_metric(second),
        }


def test_two_may_be_enough() -> None:
    assert further_choices(("minimize_ttft", "maximize_throughput"))[0].value == ""
    assert "" not in [choice.value for choice in further_choices(("minimize_ttft",))]
