from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import TaskError
from core.task import Configuration, Task, dotted, parse_task, read_task

SMALLEST = "task_name: t\nmodel: {id_or_path: m}\nbase_runtime: simulated\n"


def problems(text: str) -> list[str]:
    with pytest.raises(TaskError) as caught:
        parse_task(text, "task.yaml")
    return caught.value.problems


def test_the_smallest_task_has_a_default_for_everything_else() -> None:
    task = parse_task(SMALLEST).task
    assert task.optimization.objective == "minimize_latency"
    assert task.optimization.timeout_per_iteration == 7200
    assert task.benchmark.max_requests_per_iteration == 50
    assert [str(level) for level in task.levels()] == ["D(100,100) × 1"]


def test_levels_are_scenarios_times_concurrencies() -> None:
    text = (
        SMALLEST + "benchmark: {traffic_scenarios: ['D(1,2)', 'D(3,4)'], num_concurrency: [1, 8]}"
    )
    levels = [str(level) for level in parse_task(text).task.levels()]
    assert levels == ["D(1,2) × 1", "D(1,2) × 8", "D(3,4) × 1", "D(3,4) × 8"]


@pytest.mark.parametrize("written", ["[D(1,2), U(1,2)/(3,4)]", "['D(1,2)', 'U(1,2)/(3,4)']"])
def test_scenarios_need_no_quotation_marks(written: str) -> None:
    task = parse_task(SMALLEST + f"benchmark: {{traffic_scenarios: {written}}}").task
    assert [str(level) for level in task.levels()] == ["D(1,2) × 1", "U(1,2)/(3,4) × 1"]


def test_json_and_yaml_say_the_same() -> None:
    yaml = SMALLEST + "parameters: {tp-size: [1, 2], x: {type: integer, low: 1, high: 4}}"
    json = """{"task_name": "t", "model": {"id_or_path": "m"}, "base_runtime": "simulated",
    "parameters": {"tp-size": [1, 2], "x": {"type": "integer", "low": 1, "high": 4}}}"""
    assert parse_task(yaml).task == parse_task(json).task


def test_a_task_survives_being_written_and_read_again() -> None:
    text = (
        SMALLEST + "benchmark: {max_time_per_iteration: 10, num_concurrency: 4}\nextra: {kept: 1}"
    )
    task = parse_task(text).task
    assert Task.model_validate_json(task.model_dump_json()) == task


def test_on_and_off_are_words() -> None:
    task = parse_task(SMALLEST + "parameters: {flash-attn: [on, off]}").task
    assert task.parameters["flash-attn"].values == ("on", "off")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("addition", "told"),
    [
        (
            "optimization: {strategy: gird_search}",
            "optimization.strategy: 'gird_search' is not one",
        ),
        ("optimization: {strategy: gird_search}", "did you mean grid_search?"),
        ("optimization: {objective: balanced}", "'balanced' is not one of minimize_latency"),
        ("optimization: {max_iterations: 1.5}", "must be a whole number, not 1.5"),
        ("optimization: {max_iterations: 0}", "must be at least 1, not 0"),
        (
            "benchmark: {num_concurrency: [4, 0]}",
            "benchmark.num_concurrency[1]: must be at least 1",
        ),
        ("benchmark: {num_concurrency: []}", "benchmark: no load level: give num_concurrency"),
        ("benchmark: {traffic_scenarios: D(1;2)}", "'D(1;2)' is no traffic scenario"),
        ("benchmark: {max_time_per_iteration: soon}", "'soon' is no length of time"),
        ("slo: {ttft: {threshold: -1}}", "slo.ttft.mean.threshold: must be above 0, not -1"),
        ("slo: {latency: {p91: 1}}", "'p91' is not one of"),
        ("parameters: {r: {type: integer, low: 5, high: 2}}", "low 5 is above high 2"),
        ("parameters: 5", "parameters: must be a list of `key: value`, not 5"),
        ("deployment_mode: cloud", "deployment_mode: 'cloud' is not"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_field(addition: str, told: str) -> None:
    (problem,) = problems(SMALLEST + addition)
    assert problem.startswith("task.yaml:4: ")
    assert told in problem


def test_every_mistake_is_told_at_once() -> None:
    assert len(problems("model: {}\nbase_runtime: 5\noptimization: {max_iterations: x}")) == 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1", "task.yaml:1: is no valid YAML"),
        ("a: 1\na: 2", "task.yaml:2: is no valid YAML: found duplicate key"),
        ('{"a": 1,}', "task.yaml:1: is no valid JSON"),
        ('{"a": 1, "a": 2}', "the key 'a' stands twice"),
        ("- 1", "holds a list"),
        ("", "holds nothing"),
        ("just words", "holds text"),
        ("\x00", "cannot be parsed"),
        ("[" * 5000, "nested too deeply"),
        ('{"a":' * 5000, "nested too deeply"),
        ("a: &x [*x]", "refers to itself"),
    ],
)
def test_what_is_no_document_is_told_in_one_line(text: str, told: str) -> None:
    (problem,) = problems(text)
    assert told in problem
    assert "\n" not in problem


@given(st.text())
def test_no_text_ends_in_anything_but_a_task_error(text: str) -> None:
    with pytest.raises(TaskError):
        parse_task(text)


def test_unknown_keys_are_kept_and_told() -> None:
    reading = parse_task(SMALLEST + "storage: {type: pvc}\nbenchmark: {num_concurency: 4}")
    assert any("storage: is kept, but only" in notice for notice in reading.notices)
    assert any("did you mean num_concurrency?" in notice for notice in reading.notices)
    assert reading.task.model_extra == {"storage": {"type": "pvc"}}


def test_how_minutes_were_read_is_told() -> None:
    reading = parse_task(SMALLEST + "benchmark: {max_time_per_iteration: 10}")
    assert any("read as 600 s" in notice for notice in reading.notices)
    assert not parse_task(SMALLEST + "benchmark: {max_time_per_iteration: 10m}").notices


def test_a_sampling_number_in_quotation_marks_is_a_number() -> None:
    text = SMALLEST + 'benchmark: {additional_params: {temperature: "0.0", stop: "1"}}'
    assert parse_task(text).task.benchmark.additional_params == {"temperature": 0.0, "stop": "1"}


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    binary = tmp_path / "weights.bin"
    binary.write_bytes(b"\xff\xfe\x00")
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"#" * (5 * 2**20))
    for path, told in [
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path, "is a folder"),
        (binary, "not UTF-8"),
        (huge, "larger than"),
    ]:
        with pytest.raises(TaskError, match=told):
            read_task(path)


def test_a_later_mistake_is_placed_at_its_line() -> None:
    reading = parse_task(SMALLEST + "parameters:\n  tp-size: [1]\n  bogus: [2]\n", "t.yaml")
    error = reading.mistakes([(("parameters", "bogus"), "is no flag")])
    assert error.problems == ["t.yaml:6: parameters.bogus: is no flag"]


def test_a_path_reads_as_people_write_it() -> None:
    assert dotted(("benchmark", "num_concurrency", 1)) == "benchmark.num_concurrency[1]"


def test_arguments_may_be_a_configuration() -> None:
    text = SMALLEST + "engine: {arguments: {ctx-size: 4096, metrics: true}}"
    assert Configuration(parse_task(text).task.engine.arguments)["ctx-size"] == 4096


def test_a_key_without_a_value_is_not_there() -> None:
    text = SMALLEST + "slo: {ttft: {p90: , threshold: 1}}\nquant_config:\nbenchmark: {task: null}\n"
    task = parse_task(text.replace("p90: , ", "")).task
    assert task.quant_config.parameters() == {}
    assert task.benchmark.task == "text-to-text"
    assert parse_task(
        SMALLEST + "slo: {latency: {p50: null, p90: 2}}"
    ).task.slo.targets().keys() == {"e2e_latency_p90"}


def test_one_value_where_a_list_may_stand_has_no_number() -> None:
    assert "parallel_config.tp: must be" in problems(SMALLEST + "parallel_config: {tp: 0}")[0]


def test_a_slip_in_a_key_is_told_where_its_value_is_missed() -> None:
    with pytest.raises(TaskError, match=r"p95\.threshold: is missing; is that what treshold"):
        parse_task(SMALLEST + "slo: {ttft: {p95: {treshold: 0.5}}}")


def test_a_model_without_its_key_is_told_how_to_write_it() -> None:
    with pytest.raises(TaskError, match=r"model: write it as \{id_or_path: /models/q\}"):
        parse_task("task_name: t\nbase_runtime: simulated\nmodel: /models/q")
