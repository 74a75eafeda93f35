"""Precision and parallelism as a task file may write them."""

import pytest

from core.errors import TaskError
from core.task import Configuration, Task, parse_task

SMALLEST = "task_name: t\nmodel: {id_or_path: m}\nbase_runtime: simulated\n"


def read(addition: str) -> Task:
    return parse_task(SMALLEST + addition).task


def test_fields_multiply() -> None:
    config = read("parallel_config: {tp: [1, 2], dp: [1, 4], enable_expert_parallel: true}")
    assert config.parallel_config.combinations() == tuple(
        {"tp": tp, "dp": dp, "enable_expert_parallel": True} for tp in (1, 2) for dp in (1, 4)
    )


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
    assert not read(f"quant_config: {text}").quant_config


def test_a_field_said_twice_is_a_mistake() -> None:
    with pytest.raises(TaskError, match="tp_size says tp a second time"):
        read("parallel_config: {tp: 1, tp_size: 2}")


def test_a_value_may_stand_for_several_flags() -> None:
    task = read(
        "parameters: {memory: {sets: {roomy: {a: 1, b: 2}, tight: {a: 3}}}, b: [5], other: [x]}"
    )
    assert task.parameters["memory"].values == ("roomy", "tight")  # type: ignore[union-attr]
    chosen = Configuration({"memory": "roomy", "b": 5, "other": "x"})
    assert task.settings(chosen) == {"a": 1, "b": 5, "other": "x"}
    assert Task.model_validate_json(task.model_dump_json()) == task


def test_every_value_has_to_stand_for_something() -> None:
    with pytest.raises(TaskError, match="does not say what tight stands for"):
        read("parameters: {memory: {values: [roomy, tight], sets: {roomy: {a: 1}}}}")


def test_the_recommended_parameters_may_be_asked_for_in_a_word() -> None:
    task = read("parameters: auto")
    assert task.recommended
    assert task.parameters == {}
