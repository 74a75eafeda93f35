"""A task held against its engine before anything is launched."""

from pathlib import Path

import pytest

from core.engines.engine import GpuFacts
from core.engines.model_facts import ModelFacts
from core.engines.resolving import engine_of
from core.errors import TaskError
from core.report.preflight import Prepared, prepare, read_and_check
from core.task import parse_task

HEAD = "task_name: t\nmodel: {id_or_path: org/model}\nbase_runtime: sglang\n"


def prepared(addition: str, head: str = HEAD, gpus: GpuFacts | None = None) -> Prepared:
    reading = parse_task(head + addition, "t.yaml")
    return prepare(reading, engine_of(reading), gpus=gpus)


def told(addition: str, head: str = HEAD) -> list[str]:
    with pytest.raises(TaskError) as caught:
        prepared(addition, head)
    return caught.value.problems


def values(found: Prepared) -> dict[str, object]:
    return {name: getattr(s, "values", s) for name, s in found.task.parameters.items()}


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTOTUNER_HOME", str(tmp_path))
    (tmp_path / "presets").mkdir()
    return tmp_path / "presets"


@pytest.mark.parametrize(
    ("addition", "line", "message"),
    [
        ("parameters: {max-num-seqs: [8]}", 4, "there it is max-running-requests"),
        ("parameters:\n  page-sise: [8]", 5, "did you mean page-size"),
        ("parameters: {kv-cache-dtype: [int4]}", 4, "'int4' is not one of auto, fp8_e5m2"),
        ("parameters: {page-size: [1.5]}", 4, "needs a whole number, not 1.5"),
        ("parameters: {tp: [1], tp_size: [2]}", 4, "tp_size: is tp under another name"),
        ("engine: {arguments: {max-num-seqs: 8}}\nparameters: {tp: 1}", 4, "max-running-requests"),
        ("parameters: {api-key: [abc]}", 4, "shown; write it in engine.arguments"),
        ("parameters: {}", 4, "nothing to tune; give a flag some, or write `auto`"),
        ("presets: [sglang-memry]", 4, "'sglang-memry' is no preset"),
        ("presets: [sglang-memry]", 4, "did you mean sglang-memory"),
        ("presets: vllm-memory", 4, "is a preset for vllm, not for sglang"),
        ("quant_config: {preset: fastest}", 4, "is no preset of sglang; there are default"),
        ("parallel_config: {presets: [long-context]}", 4, "is no preset of sglang"),
        (
            "parallel_config: {tp: 2, dp: 1}\nquant_config: {gemm_dtype: int8}",
            0,
            "no configuration",
        ),
    ],
)
def test_a_mistake_is_told_at_its_line(addition: str, line: int, message: str) -> None:
    (problem,) = told(addition)
    assert problem.startswith("t.yaml:")
    assert message in problem
    if line:
        assert problem.startswith(f"t.yaml:{line}: ")


def test_an_engine_may_have_more_in_its_name() -> None:
    found = prepared("parameters: {tp: [1, 2]}", HEAD.replace("sglang", "SGLang-llama-small"))
    assert found.task.base_runtime == "sglang"
    assert "t.yaml:3: base_runtime: read as sglang" in found.reading.notices


def test_an_engine_that_there_is_not() -> None:
    (problem,) = told("parameters: {tp: 1}", HEAD.replace("sglang", "llama-3-rt"))
    assert problem.startswith("t.yaml:3: base_runtime: 'llama-3-rt' is no engine; there are custom")


def test_wishes_and_presets_become_parameters() -> None:
    found = prepared(
        "quant_config: {kvcache_dtype: [auto, fp8_e4m3]}\n"
        "parallel_config: {tp: [1, 2]}\n"
        "presets: [sglang-latency]\n"
        "parameters: {schedule_policy: [lpm]}\n"
    )
    assert values(found) == {
        "quant_config.kvcache_dtype": ("auto", "fp8_e4m3"),
        "parallel_config.tp": (1, 2),
        "schedule_policy": ("lpm",),
        "chunked-prefill-size": (512, 1024, 2048),
        "max-running-requests": (16, 32, 64),
    }
    assert found.survey.distinct == 2 * 2 * 3 * 3


def test_a_resolved_task_resolves_to_itself() -> None:
    found = prepared("presets: [sglang-latency]\nparallel_config: {tp: [1, 2]}\n")
    text = found.task.model_dump_json()
    reading = parse_task(text)
    assert prepare(reading, engine_of(reading)).task == found.task


def test_command_lines_that_are_equal_are_one_configuration() -> None:
    found = prepared("parallel_config: {tp: [1, 2], pp: [1]}\nparameters: {tp-size: [4]}\n")
    assert found.survey.combinations == 2
    assert found.survey.distinct == 1
    assert any("2 has no effect, as parameters.tp-size decides" in n for n in found.reading.notices)


def test_what_cannot_run_is_left_out_and_told() -> None:
    found = prepared("quant_config: {gemm_dtype: [auto, int8, fp8]}\n")
    assert (found.survey.combinations, found.survey.distinct) == (3, 2)
    (notice,) = [n for n in found.reading.notices if "left out" in n]
    assert "1 configuration left out: gemm_dtype int8: sglang serves int8 only" in notice


def test_a_custom_command_is_checked_at_its_line() -> None:
    head = HEAD.replace("sglang", "custom") + "engine:\n  command: serve {flags}\n"
    (problem,) = told("parameters: {x: [1]}", head)
    assert problem.startswith("t.yaml:5: engine.command: lacks {port}")


def test_a_simulated_model_is_checked_at_its_line() -> None:
    (problem,) = told("parameters: {tp-size: [1]}", HEAD.replace("sglang", "simulated"))
    assert problem.startswith("t.yaml:2: model.id_or_path: 'org/model' is no model")


def test_a_bare_model_name_is_looked_for_under_the_roots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models" / "small").mkdir(parents=True)
    monkeypatch.setenv("AUTOTUNER_MODELS", f"/nowhere:{tmp_path / 'models'}")
    found = prepared("parameters: {tp: [1]}", HEAD.replace("org/model", "small"))
    assert found.task.model.id_or_path == str(tmp_path / "models" / "small")
    assert any("read as" in notice for notice in found.reading.notices)


def test_a_model_that_is_not_there_is_told() -> None:
    (problem,) = told("parameters: {tp: [1]}", HEAD.replace("org/model", "/nowhere/m"))
    assert problem == "t.yaml:2: model.id_or_path: there is no /nowhere/m on this machine"


def test_a_model_name_is_nothing_to_an_engine_that_serves_a_file() -> None:
    head = HEAD.replace("base_runtime: sglang", "base_runtime: llamacpp")
    assert head != HEAD
    (problem,) = told("parameters: {parallel: [1]}", head)
    assert problem == (
        "t.yaml:2: model.id_or_path: llamacpp serves a file, and there is no org/model on this "
        "machine"
    )
    fetching = "parameters: {parallel: [1]}\nengine: {arguments: {hfr: org/model}}\n"
    assert prepared(fetching, head).task.model.id_or_path == "org/model"


def test_an_image_tag_without_a_container_is_told() -> None:
    found = prepared("parameters: {tp: [1]}\nruntime_image_tag: v0.5\n")
    assert any("only counts with deployment_mode: docker" in n for n in found.reading.notices)


def test_presets_are_joined_by_the_rule_of_the_task(own_folder: Path) -> None:
    for name, sizes in {"one": [1, 16], "two": [16, 64]}.items():
        (own_folder / f"{name}.yaml").write_text(
            f"name: {name}\nparameters: {{page-size: {sizes}}}\n"
        )
    for rule, expected in {
        "union": (1, 16, 64),
        "intersection": (16,),
        "last_wins": (16, 64),
    }.items():
        found = prepared(f"presets: [one, two]\npresets_merge: {rule}\n")
        assert values(found) == {"page-size": expected}
    assert any("one and two differ in page-size; the last" in n for n in found.reading.notices)


def test_mistakes_of_the_file_and_of_the_engine_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(
        HEAD
        + "parameters: {max-num-seqs: [1], page-size: {type: integer, low: 5}, tp: [1, 2]}\n"
        + "presets: [nosuch]\n"
        + "optimization: {strategy: genetic}\n"
        + "benchmark: {num_concurrency: [0], traffic_scenarios: [dataset]}\n"
    )
    with pytest.raises(TaskError) as caught:
        read_and_check(path)
    problems = [problem.removeprefix(str(path)) for problem in caught.value.problems]
    assert [problem.split(": ")[1] for problem in problems] == [
        "parameters.page-size.high",
        "optimization.strategy",
        "benchmark.num_concurrency[0]",
        "presets[0]",
        "parameters.max-num-seqs",
    ]


def test_an_unknown_engine_is_told_with_the_other_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(
        "task_name: t\nmodel: {id_or_path: m}\nbase_runtime: vlm\n"
        "optimization: {max_iterations: -3}\n"
    )
    with pytest.raises(TaskError, match=r"max_iterations: must be .*\n.*base_runtime: "):
        read_and_check(path)


@pytest.mark.parametrize("text", ["model: 5", "model: {id_or_path: ''}\nbase_runtime: 3", "slo: 1"])
def test_a_file_of_which_little_is_left_is_told_all_the_same(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(text)
    with pytest.raises(TaskError, match="task_name: is missing"):
        read_and_check(path)


@pytest.mark.parametrize(
    ("mode", "tag", "told"),
    [
        ("local", "v0.5.1", ["only counts with deployment_mode: docker; the flags known here"]),
        ("local", "latest", ["only counts with deployment_mode: docker"]),
        ("docker", "v0.5.1-cu130", ["the flags known here are those of sglang 0.5.23"]),
        ("docker", "v0.5.23-cu130", []),
    ],
)
def test_an_images_tag_is_held_against_what_is_known(mode: str, tag: str, told: list[str]) -> None:
    text = f"parameters: {{tp: [1, 2]}}\ndeployment_mode: {mode}\nruntime_image_tag: {tag}\n"
    notices = [n for n in prepared(text).reading.notices if "runtime_image_tag" in n]
    assert len(notices) == len(told)
    assert all(words in notice for words, notice in zip(told, notices, strict=True))


def test_defaults_that_are_known_to_fail_are_told() -> None:
    facts = ModelFacts(format="huggingface", weight_bytes=100 << 30)
    two = GpuFacts(count=2, memory=80 << 30)
    reading = parse_task(HEAD + "parameters: {tp: [2]}", "t.yaml")
    notices = prepare(reading, engine_of(reading), facts, two).reading.notices
    assert any("are known to fail: does not fit: weights 100.0 GiB" in told for told in notices)
    unmeasured = parse_task(reading.text + "\noptimization: {baseline: false}", "t.yaml")
    assert not prepare(unmeasured, engine_of(unmeasured), facts, two).reading.notices
