"""Task files of the tool that people come from: read as they are, in all of its forms."""

from pathlib import Path

import pytest

from core.engines.resolving import engine_of
from core.errors import TaskError
from core.report.preflight import Prepared, prepare
from core.task import Level, Reading, Task, finite_values, read_task

FILES = Path(__file__).parent / "old"

PLANNED = {
    "choices_spelled_out.json": 4,
    "container.json": 2,
    "container_many_flags.json": 24,
    "kubernetes_resources.json": 2,
    "kubernetes_volume.json": 1,
    "local_process.json": 2,
    "model_based_search.json": 80,
    "own_prompts.json": 2,
    "parallel_lists.json": 4,
    "parallel_presets.json": 2,
    "precision_fields.json": 1,
    "precision_preset.json": 1,
    "precision_presets.json": 6,
    "slo_in_full.json": 3,
    "slo_threshold_only.json": 2,
    "ranges.json": None,
}
"""How many different command lines each comes to; None: a range without steps."""

NOT_PLANNED = {
    "runtime_without_an_engine.json": "4: base_runtime: 'llama-3-2-1b-instruct-rt' is no engine",
    "wrong_engine_flag.yaml": "there it is max-running-requests",
}

NOT_READ = {"balanced_objective.yaml": "5: optimization.objective: 'balanced' is not one of"}


def reading(name: str) -> Reading:
    return read_task(FILES / name)


def read(name: str) -> Task:
    return reading(name).task


def prepared(name: str) -> Prepared:
    found = reading(name)
    return prepare(found, engine_of(found))


def notices(name: str) -> str:
    return "\n".join(prepared(name).reading.notices)


def test_every_file_is_looked_at() -> None:
    assert {path.name for path in FILES.iterdir()} == {*PLANNED, *NOT_PLANNED, *NOT_READ}


@pytest.mark.parametrize("name", PLANNED)
def test_a_file_is_read_and_planned(name: str) -> None:
    found = prepared(name)
    assert found.survey.distinct == PLANNED[name]
    assert found.survey.launchable
    assert Task.model_validate_json(found.task.model_dump_json()) == found.task


@pytest.mark.parametrize("name", NOT_PLANNED)
def test_what_was_wrong_all_along_is_told_at_its_line(name: str) -> None:
    assert read(name).task_name
    with pytest.raises(TaskError) as caught:
        prepared(name)
    (problem,) = caught.value.problems
    assert NOT_PLANNED[name] in problem


@pytest.mark.parametrize("name", NOT_READ)
def test_what_never_worked_is_told_with_what_does(name: str) -> None:
    with pytest.raises(TaskError) as caught:
        read(name)
    (problem,) = caught.value.problems
    assert NOT_READ[name] in problem


def test_what_is_left_out_has_the_defaults_it_used_to_have() -> None:
    task = read("slo_threshold_only.json")
    assert task.optimization.timeout_per_iteration >= 1800  # a large model may take longer
    assert task.optimization.n_initial_random == 5
    assert read("runtime_without_an_engine.json").optimization.max_iterations == 100
    assert task.benchmark.max_requests_per_iteration == 50
    assert task.benchmark.max_time_per_iteration == 600
    assert task.benchmark.task == "text-to-text"
    assert task.slo.targets()["ttft_mean"].weight == 1
    assert task.slo.targets()["ttft_mean"].fail_ratio == 0.5
    assert task.slo.targets()["e2e_latency_p90"].hard_fail is False


def test_slos_are_read_in_full() -> None:
    targets = read("slo_in_full.json").slo.targets()
    assert {name: target.threshold for name, target in targets.items()} == {
        "e2e_latency_p50": 2.0,
        "e2e_latency_p90": 5.0,
        "e2e_latency_p99": 10.0,
        "ttft_mean": 1.0,
        "tpot_mean": 0.05,
    }
    assert targets["e2e_latency_p90"].hard_fail
    assert targets["e2e_latency_p90"].fail_ratio == 0.2


def test_levels_are_every_scenario_at_every_concurrency() -> None:
    levels = [str(level) for level in read("container_many_flags.json").levels()]
    assert levels == [f"D({d}) × {c}" for d in ("100,100", "1000,200") for c in (1, 4, 8)]
    scenarios = [str(level.scenario) for level in read("ranges.json").levels()]
    assert scenarios == ["N(480,240)/(300,150)", "U(50,100)/(200,250)", "U(1,100)/(1,200)"]
    assert all(isinstance(level, Level) for level in read("ranges.json").levels())


def test_parameters_keep_their_meaning_in_every_form() -> None:
    task = prepared("choices_spelled_out.json").task
    assert task.model.id_or_path == "llama-3-2-1b-instruct"
    assert {name: finite_values(space) for name, space in task.parameters.items()} == {
        "tp_size": (1,),
        "mem_frac": (0.8, 0.9),
        "max_total_tokens": (4096,),
        "schedule_policy": ("lpm", "fcfs"),
    }
    assert task.benchmark.additional_params == {"temperature": 0.0}
    launched = prepared("choices_spelled_out.json").survey.launchable[0]
    engine = prepared("choices_spelled_out.json").engine
    argv = engine.command(
        task.model_copy(update={"deployment_mode": "docker"}), launched, port=1
    ).argv
    assert argv[argv.index("--mem-fraction-static") + 1] == "0.8"
    assert argv[argv.index("--tp-size") + 1] == "1"


def test_a_flag_that_is_null_is_left_out_of_the_command_line() -> None:
    found = prepared("ranges.json")
    spelled = found.task.model_copy(update={"deployment_mode": "docker"})
    argv = found.engine.command(spelled, found.survey.launchable[0], port=1).argv
    assert "--quantization" not in argv
    assert "None" not in argv
    assert argv[argv.index("--dtype") + 1] == "auto"


def test_presets_of_precision_and_parallelism_are_different_servers() -> None:
    for name, flag in {
        "precision_presets.json": "kv-cache-dtype",
        "parallel_presets.json": "tp-size",
    }.items():
        found = prepared(name)
        flags = [found.engine.flags(found.task, c) for c in found.survey.launchable]
        assert len({repr(sorted(f.items())) for f in flags}) == found.survey.distinct
        assert {flag in f for f in flags} == {True, False}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("kubernetes_resources.json", "deployment_mode: there is no Kubernetes here"),
        ("kubernetes_resources.json", "is kept, but only has a meaning on Kubernetes (and "),
        ("kubernetes_volume.json", "storage"),
        ("choices_spelled_out.json", "base_runtime: read as sglang"),
        ("choices_spelled_out.json", "max_time_per_iteration: read"),
        ("model_based_search.json", "optimization.study_name: has no effect"),
        ("container_many_flags.json", "chunked-prefill-size: has no values and is left out"),
    ],
)
def test_what_may_surprise_is_told(name: str, told: str) -> None:
    assert told in notices(name)


@pytest.mark.parametrize("name", PLANNED)
def test_kubernetes_is_mentioned_once(name: str) -> None:
    told = [n for n in prepared(name).reading.notices if "meaning on Kubernetes" in n]
    assert len(told) <= 1


def test_the_time_of_a_level_leaves_room_for_the_others() -> None:
    # 10 minutes for each of two levels do not go into an experiment of 10 minutes.
    assert read("container.json").benchmark.max_time_per_iteration == 600
    assert read("container.json").level_time_limit == 300
    assert "read as 600 s for each load level; 300 s is what" in notices("container.json")
