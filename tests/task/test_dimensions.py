"""Precision and parallelism as a task file may write them."""

import pytest

from core.errors import TaskError
from core.task import Task, parse_task

SMALLEST = "task_name: t\nmodel: {id_or_path: m}\nbase_runtime: simulated\n"


def read(addition: str) -> Task:
    return parse_task(SMALLEST + addition).task


def test_each_field_is_a_parameter() -> None:
    config = read("parallel_config: {tp: [1, 2], dp: 4, enable_expert_parallel: true, preset: x}")
    assert {n: c.values for n, c in config.parallel_config.parameters().items()} == {
        "preset": ("x",),
        "tp": (1, 2),
        "dp": (4,),
        "enable_expert_parallel": (True,),
    }


@pytest.mark.parametrize(
    "name", ["tp", "tp_size", "tp-size", "tensor_parallel_size", "--tensor-parallel-size"]
)
def test_a_field_has_many_names(name: str) -> None:
    assert read(f"parallel_config: {{{name}: 2}}").parallel_config.tp == (2,)


@pytest.mark.parametrize("text", ["preset: balanced", "presets: balanced", "presets: [balanced]"])
def test_presets_may_be_one_or_many(text: str) -> None:
    assert read(f"quant_config: {{{text}}}").quant_config.presets == ("balanced",)


@pytest.mark.parametrize("text", ["{}", "", "{presets: []}", "{gemm_dtype: []}"])
def test_nothing_asked_for_is_nothing(text: str) -> None:
    assert read(f"quant_config: {text}").quant_config.parameters() == {}


def test_a_field_said_twice_is_a_mistake() -> None:
    with pytest.raises(TaskError, match="tp_size says tp a second time"):
        read("parallel_config: {tp: 1, tp_size: 2}")


def test_the_recommended_parameters_may_be_asked_for_in_a_word() -> None:
    task = read("parameters: auto")
    assert task.recommended
    assert task.parameters == {}
