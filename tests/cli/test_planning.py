"""`plan`, `doctor`, `presets` and `task-fields`, called as the program calls them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.cli import main
from core.report.field_list import field_lines
from core.task import Benchmark, Optimization, Task, Timeouts, parse_task

ROOT = Path(__file__).parents[2]

TASK = """\
task_name: t
model: {id_or_path: llama-3.1-8b}
base_runtime: simulated
parameters: {page-size: [1, 16], tp-size: [1, 2]}
quant_config: {gemm_dtype: [auto, fp8, int8]}
"""


class Program:
    """The program in a home of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def write(self, text: str, name: str = "t.yaml") -> str:
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def __call__(self, *words: str) -> tuple[int, str, str]:
        status = main(words)
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    monkeypatch.setenv("AUTOTUNER_HOME", str(tmp_path / "home"))
    return Program(tmp_path, capsys)


def test_a_plan_counts_explains_and_launches_nothing(program: Program) -> None:
    status, out, err = program("plan", program.write(TASK))
    assert status == 0
    assert "8 configurations, about" in out
    assert "12 combinations" in out
    assert "4 left out: gemm_dtype int8: simulated weights are bfloat16 or fp8" in out
    assert "such as quant_config.gemm_dtype=int8" in out
    assert "15 launches: 8 to search, 1 of the defaults, 6 to confirm the best" in out
    assert "each at 1 load level: D(100,100) × 1" in out
    assert "0  engine defaults" in out
    assert "no earlier run of simulated" in out
    assert "t.yaml: 4 configurations left out" in err
    assert all(line == line.rstrip() for line in out.splitlines())
    assert not (program.folder / "home").exists()


def test_a_plan_as_json_has_every_command_line(program: Program) -> None:
    status, out, _ = program("plan", program.write(TASK), "--json", "--commands")
    assert status == 0
    found = json.loads(out)
    assert found["format"] == "inference-autotuner-plan/1"
    assert (found["combinations"], found["distinct"], found["searches"]) == (12, 8, 8)
    assert found["left_out"][0]["count"] == 4
    assert len({tuple(launch["argv"]) for launch in found["commands"]}) == 8
    assert all("--page-size" in launch["argv"] for launch in found["commands"])
    assert found["gpus"] == 2
    assert found["gpu_hours"] > 0
    assert len(found["first"]) == 6


def test_a_plan_masks_secrets(program: Program) -> None:
    text = TASK.replace("simulated", "custom") + (
        "engine: {command: 'serve --api-key verysecretkey --port {port} {flags}',"
        " environment: {HF_TOKEN: verysecrettoken}}\n"
    )
    text = text.replace("quant_config: {gemm_dtype: [auto, fp8, int8]}\n", "")
    for form in ((), ("--json",)):
        _, out, err = program("plan", program.write(text), "--commands", *form)
        assert "verysecret" not in out + err


def test_a_plan_of_an_engine_that_is_not_here(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    text = TASK.replace("simulated", "vllm").replace("llama-3.1-8b", "org/m").replace(", int8", "")
    text = text.replace("page-size: [1, 16]", "block-size: [16, 32]")
    status, out, err = program("plan", program.write(text), "--commands")
    assert status == 3
    assert "vllm is not on PATH" in err.splitlines()[-1]
    assert out.count("--block-size") == 8


def test_a_plan_of_nonsense_is_status_2(program: Program) -> None:
    for path in (program.write("x"), str(program.folder), str(program.folder / "none")):
        status, out, err = program("plan", path)
        assert (status, out) == (2, "")
        assert len(err.splitlines()) == 1


def test_doctor_says_what_there_is_and_what_to_mend(program: Program) -> None:
    status, out, _ = program("doctor", "--json")
    found = {line["subject"]: line for line in json.loads(out)}
    assert status == (3 if any(line["state"] == "fail" for line in found.values()) else 0)
    for subject in ("python", "terminal", "processor", "containers", "simulated", "disk", "store"):
        assert found[subject]["state"] in {"ok", "warn", "fail"}
        assert found[subject]["text"]
    assert {"sglang", "vllm", "llamacpp"} <= found.keys()
    assert not (program.folder / "home").exists()


def test_doctor_finds_a_store_that_cannot_be_used(program: Program) -> None:
    (program.folder / "home").mkdir()
    (program.folder / "home" / "autotuner.db").write_text("no database, this one" * 100)
    status, out, _ = program("doctor")
    assert status == 3
    (line,) = [line for line in out.splitlines() if "fail" in line]
    assert "store" in line
    assert "autotuner.db" in line


@pytest.mark.parametrize(
    ("text", "told", "status"),
    [
        (TASK, "ok    task", 0),
        (TASK.replace("[1, 16]", "[x]"), "fail  task", 3),
        ("nonsense", "fail  task", 3),
        (TASK.replace("simulated", "nothing"), "is no engine", 3),
    ],
)
def test_doctor_looks_at_a_task(program: Program, text: str, told: str, status: int) -> None:
    found, out, _ = program("doctor", program.write(text))
    assert told in out
    assert found == status


def test_presets_are_listed_shown_and_handed_on(program: Program) -> None:
    status, out, _ = program("presets", "list")
    assert status == 0
    assert "sglang-memory" in out
    assert program("presets")[1] == out
    listed = {p["name"]: p for p in json.loads(program("presets", "list", "--json")[1])}
    assert listed["sglang-memory"]["configurations"] == 3 * 3 * 2
    assert listed["sglang-memory"]["seconds"] > 0
    assert "18 configurations, about" in program("presets", "show", "sglang-memory")[1]

    exported = program.write(program("presets", "export", "vllm-memory", "--format", "json")[1])
    assert json.loads(Path(exported).read_text())["version"] == "1.0"
    renamed = program.write(Path(exported).read_text().replace("vllm-memory", "mine"), "m.json")
    status, out, _ = program("presets", "import", renamed)
    assert status == 0
    assert "presets: [mine]" in out
    again = program("presets", "import", renamed)
    assert again[0] == 3
    assert "already" in again[2]
    kept = program("presets", "export", "mine")[1]
    assert kept == program("presets", "export", "vllm-memory")[1].replace("vllm-memory", "mine")
    (program.folder / "home" / "presets" / "bad.yaml").write_text("name: [")
    assert "bad.yaml:1: is no valid YAML" in program("presets", "list")[2]


@pytest.mark.parametrize("words", [("show", "x"), ("export", "x"), ("import", "/nowhere/x")])
def test_presets_that_there_are_not(program: Program, words: tuple[str, ...]) -> None:
    status, out, err = program("presets", *words)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1


def test_every_field_is_listed_with_a_text(program: Program) -> None:
    lines = {line.field: line for line in field_lines()}
    sections = {"optimization": Optimization, "benchmark": Benchmark}
    for section, model in sections.items():
        for name in model.model_fields:
            assert any(field.startswith(f"{section}.{name}") for field in lines), name
    assert all(name in lines for name in Task.model_fields)
    for line in lines.values():
        assert line.text, line.field
    assert lines["timeouts.start"].default == f"{Timeouts().start:g} s"
    assert lines["benchmark.max_time_per_iteration"].kind == "length of time"
    status, out, _ = program("task-fields", "iteration")
    assert status == 0
    assert "optimization.max_iterations" in out
    assert "model.id_or_path" not in out
    assert json.loads(program("task-fields", "seed", "--json")[1])[0]["default"] == "0"


def test_the_defaults_that_are_listed_are_those_of_a_task() -> None:
    task = parse_task("task_name: t\nmodel: {id_or_path: m}\nbase_runtime: x").task
    lines = {line.field: line.default for line in field_lines()}
    assert lines["optimization.max_iterations"] == str(task.optimization.max_iterations)
    assert lines["gpus.share"] == "false"
    assert lines["model.id_or_path"] == "required"


def test_a_plan_imports_nothing_of_the_screens() -> None:
    code = "import sys, core.cli.planning, core.cli.presets\nprint(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    for heavy in ("textual", "docker", "optuna"):
        assert heavy not in loaded
