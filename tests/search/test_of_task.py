"""The space of a task: what is known of flags that are left out."""

from core.engines.registry import ENGINES
from core.search.of_task import space_of
from core.task import Task


def task(**fields: object) -> Task:
    return Task.model_validate({"task_name": "t", "model": {"id_or_path": "m"}, **fields})


def test_a_flag_left_out_is_at_what_the_parser_assumes() -> None:
    shares = {"gpu_memory_utilization": [0.6, 0.8, 0.95], "enforce-eager": [True, None]}
    space = space_of(task(base_runtime="vllm", parameters=shares), ENGINES["vllm"])
    assert space.defaults == {"gpu_memory_utilization": 0.92, "enforce-eager": False}


def test_a_flag_that_the_task_sets_for_every_launch_is_at_that() -> None:
    written = task(
        base_runtime="sglang",
        engine={"arguments": {"page_size": 16}},
        parameters={"page-size": [1, 16, 64], "max-running-requests": [8, 64]},
    )
    assert space_of(written, ENGINES["sglang"]).defaults == {"page-size": 16}
