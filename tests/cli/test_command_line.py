"""The program as a user meets it: a process, its two outputs and its exit status."""

import asyncio
import io
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from core.cli.looking import _listed
from core.cli.running import _stopped_by_signals

ROOT = Path(__file__).parents[2]
STUB = ROOT / "tests" / "run" / "stub_server.py"

TASK = f"""\
task_name: demo
model: {{id_or_path: stub}}
base_runtime: custom
engine:
  command: "{sys.executable} {STUB} --port {{port}} {{flags}}"
parameters:
  batch: [4]
benchmark:
  traffic_scenarios: ["D(16,8)"]
  max_requests_per_iteration: 12
  max_time_per_iteration: 2s
timeouts: {{warmup: 600ms, stop: 3}}
optimization: {{confirmation: false}}
"""

SIMULATED = str(ROOT / "sample_tasks" / "quickstart.yaml")

LLAMA_TASK = """\
task_name: t
model: {{id_or_path: {model}}}
base_runtime: llamacpp
parameters:
  {flag}: [1]
"""


class Shell:
    """Runs `autotuner` in a home and a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        stranger = folder / "core"  # and it is no part of the program
        stranger.mkdir()
        (stranger / "__init__.py").write_text("raise SystemExit('run, though it only lies here')")
        self.environment = {**os.environ, "AUTOTUNER_HOME": str(self.home), "NO_COLOR": "1"}

    def write(self, text: str, name: str = "task.yaml") -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def start(self, *words: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "core.cli", *map(str, words)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: object) -> subprocess.CompletedProcess[str]:
        with self.start(*words) as process:
            out, err = process.communicate(timeout=120)
        assert "Traceback" not in err
        return subprocess.CompletedProcess(words, process.returncode, out, err)


@pytest.fixture
def autotuner(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_a_run_and_reading_it_back(autotuner: Shell) -> None:
    task = autotuner.write(TASK)
    ran = autotuner("--run", task, "--yes")
    assert ran.returncode == 0, ran.stderr
    assert "Launch command" in ran.stdout
    assert "experiment 1" in ran.stderr

    assert "demo#1" in autotuner("list").stdout
    assert json.loads(autotuner("list", "--json").stdout)[0]["state"] == "finished"
    assert autotuner("show", "demo").stdout == autotuner("show", "demo#1").stdout
    shown = json.loads(autotuner("show", "demo", "--json").stdout)
    assert [e["outcome"] for e in shown["experiments"]] == ["ok", "ok"]
    assert json.loads(autotuner("export", "demo").stdout)["task"] == "demo#1"
    assert autotuner("export", "demo", "--format", "csv").stdout.count("\n") == 3
    copy = autotuner.folder / "copy.yaml"
    assert autotuner("export", "demo", "--format", "yaml", "-o", copy).returncode == 0
    assert copy.read_text() == TASK

    again = autotuner("--run", copy, "--yes", "--json")
    assert json.loads(again.stdout)["task"] == "demo#2"
    assert len(json.loads(autotuner("list", "--json").stdout)) == 2


@pytest.mark.parametrize("width", [50, 60, 80, 120])
def test_a_list_is_cut_nowhere(width: int) -> None:
    row = ("a-task#1", "simulated", "m" * 40, "interrupted", "15/15", "6,606 tok/s/GPU", "11-25")
    console = Console(width=width, file=io.StringIO())
    with console.capture() as capture:
        console.print(_listed([row], width))
    head, line = capture.get().splitlines()
    assert max(len(head), len(line)) <= width
    for cell in (row[0], row[3], row[4], row[5]):
        assert cell in line
    assert ("11-25" in line) == (width >= 60)
    assert ("mmmmm" in line) == (width >= 80)


def test_nothing_feasible_is_status_1(autotuner: Shell) -> None:
    slo = "slo: {ttft: {threshold: 0.000001, hard_fail: true}}\n"
    ran = autotuner("--run", autotuner.write(TASK + slo), "--yes")
    assert ran.returncode == 1
    assert "No configuration holds the SLOs" in ran.stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TASK.replace("custom", "costum"), "'costum' is no engine"),
        (TASK.replace("batch: [4]", "batch: []"), "nothing to tune"),
        (TASK.replace("{port}", "8000"), "lacks {port}"),
        (TASK + "slo: {ttft: {threshold: -1}}\n", "must be above 0"),
        (TASK.replace("confirmation: false", "max_iterations: many"), "must be a whole number"),
        ("nonsense", "holds text"),
        ("", "holds nothing"),
        (LLAMA_TASK.format(model="/nowhere/m.gguf", flag="parallel"), "no /nowhere/m.gguf"),
        (LLAMA_TASK.format(model="m", flag="paralel"), "task.yaml:5: parameters.paralel: llamacpp"),
    ],
)
def test_a_wrong_task_file_is_status_2_and_a_line_each(
    autotuner: Shell, text: str, told: str
) -> None:
    ran = autotuner("--run", autotuner.write(text), "--yes")
    assert ran.returncode == 2
    assert told in ran.stderr
    assert "task.yaml" in ran.stderr
    assert ran.stdout == ""
    assert not (autotuner.home / "autotuner.db").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--run", "nowhere.yaml"], "nowhere.yaml: there is no such file"),
        (["--run"], "expected one argument"),
        (["--bogus"], "--bogus"),
        (["fly"], "invalid choice: 'fly'"),
        (["rport", "x"], "invalid choice: 'rport'; did you mean report?;"),
        (["show", "nothing"], "there is no task nothing"),
        (["export", "#17"], "there is no task #17"),
        (["--resume", "nothing"], "there is no task nothing"),
        (["export", "x", "--format", "pdf"], "invalid choice: 'pdf'"),
        ([], "the app needs a terminal; `autotuner --run TASK` does without one"),
    ],
)
def test_a_wrong_command_line_is_status_2(autotuner: Shell, words: list, told: str) -> None:
    ran = autotuner(*words)
    assert ran.returncode == 2
    assert told in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_a_command_from_a_file_is_not_run_unasked(autotuner: Shell) -> None:
    ran = autotuner("--run", autotuner.write(TASK))
    assert ran.returncode == 2
    assert "add --yes if you trust the file" in ran.stderr


def test_a_program_that_a_file_names_is_not_run_unasked(autotuner: Shell) -> None:
    text = f"task_name: t\nmodel: {{id_or_path: {__file__}}}\nbase_runtime: llamacpp\n"
    text += f"engine: {{executable: {sys.executable}}}\nparameters: {{parallel: [1, 2]}}\n"
    ran = autotuner("--run", autotuner.write(text))
    assert ran.returncode == 2
    assert f"runs `{sys.executable}`; add --yes if you trust the file" in ran.stderr


def test_a_home_that_is_no_folder_is_status_3(autotuner: Shell) -> None:
    autotuner.home.write_text("a file")
    ran = autotuner("--run", autotuner.write(TASK), "--yes")
    assert ran.returncode == 3
    assert "AUTOTUNER_HOME" in ran.stderr


@pytest.mark.parametrize("words", [["list"], ["show", "demo"], ["--run", SIMULATED], ["doctor"]])
def test_a_home_below_a_file_is_told_by_every_verb(autotuner: Shell, words: list) -> None:
    autotuner.home.write_text("in the way")
    ran = autotuner(*words)
    assert ran.returncode == 3
    assert f"{autotuner.home}: is no folder" in ran.stdout + ran.stderr


def test_output_that_nobody_reads_or_that_finds_no_room_is_no_bug(autotuner: Shell) -> None:
    program = f"{sys.executable} -m core.cli"
    for redirection, status in (
        ("list >/dev/full", 3),
        ("task-fields >/dev/full", 3),
        ("list >&-", 0),
        ("task-fields | head -c 1; exit ${PIPESTATUS[0]}", 141),
    ):
        ran = subprocess.run(
            ["bash", "-c", f"{program} {redirection}"],
            env=autotuner.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.returncode == status, (redirection, ran.stderr)
        told = ["autotuner: the output cannot be written: No space left on device"]
        assert ran.stderr.splitlines() == (told if status == 3 else []), redirection


def test_a_program_that_is_not_there_is_status_3(autotuner: Shell, tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 0))  # a header that names no tensors
    text = LLAMA_TASK.format(model=model, flag="parallel")
    text += "engine: {executable: /nowhere/llama-server}\n"
    ran = autotuner("--run", autotuner.write(text))
    assert ran.returncode == 3
    assert "/nowhere/llama-server is no program" in ran.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_run_and_keeps_its_results(
    autotuner: Shell, number: signal.Signals
) -> None:
    text = TASK.replace("batch: [4]", "batch: [1, 2, 3, 4, 5, 6, 7, 8]")
    process = autotuner.start("--run", autotuner.write(text), "--yes")
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if "best so far" in line:
                break
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert "demo#1" in out
    (listed,) = json.loads(autotuner("list", "--json").stdout)
    assert listed["state"] == "cancelled"
    assert listed["outcomes"]["ok"] >= 1


async def test_under_nohup_a_closed_terminal_stops_no_run() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with _stopped_by_signals() as caught:
            signal.raise_signal(signal.SIGHUP)
            await asyncio.sleep(0.1)
        assert not caught
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_runner_that_is_killed_leaves_no_server(autotuner: Shell) -> None:
    process = autotuner.start("--run", autotuner.write(TASK), "--yes")
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if "measuring" in line:
                break
        process.kill()
    waiting_until = time.monotonic() + 30
    while servers() and time.monotonic() < waiting_until:
        time.sleep(0.1)
    assert not servers()


def test_a_run_that_was_killed_is_resumed_to_the_same_end(autotuner: Shell) -> None:
    text = TASK.replace("batch: [4]", "batch: [1, 2, 3, 4]")
    text = text.replace("confirmation: false", "confirmation: false, strategy: random, seed: 5")
    whole = json.loads(autotuner("--run", autotuner.write(text), "--yes", "--json").stdout)

    with autotuner.start("--run", autotuner.write(text), "--yes") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "experiment 2: measuring" in line:
                break
        process.kill()
    resumed = autotuner("--resume", "demo", "--json")
    assert "demo#2 was interrupted" in resumed.stderr
    assert resumed.returncode == 0
    found = json.loads(resumed.stdout)

    def tried(run: dict) -> list[dict]:
        done = [e for e in run["experiments"] if e["outcome"] not in {"interrupted", None}]
        return [e["configuration"] for e in done]

    assert tried(found) == tried(whole)
    assert [e["outcome"] for e in found["experiments"]].count("interrupted") == 1
    assert autotuner("--resume", "demo").returncode == 2  # finished


def test_a_task_is_run_by_one_runner_only(autotuner: Shell) -> None:
    with autotuner.start("--run", autotuner.write(TASK), "--yes") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "experiment 0" in line:
                break
        second = autotuner("--resume", "demo")
        assert second.returncode == 3
        assert "is being run by PID" in second.stderr
        stopped = autotuner("stop", "demo")
        assert stopped.returncode == 0
        assert "stopped" in stopped.stdout
        process.communicate(timeout=60)
    assert process.returncode == 130
    again = autotuner("stop", "demo")
    assert again.returncode == 2
    assert "is not being run" in again.stderr


def test_a_process_is_killed_only_when_it_is_confirmed(autotuner: Shell) -> None:
    with subprocess.Popen(["sleep", "600"]) as foreign:
        unasked = autotuner("kill", foreign.pid)
        assert unasked.returncode == 2
        assert f"type {foreign.pid} to end it" in unasked.stderr
        assert "sleep 600" in unasked.stderr
        assert foreign.poll() is None
        assert autotuner("kill", foreign.pid, "--confirm", foreign.pid).returncode == 0
        assert foreign.wait(timeout=30) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("pid", "told"), [(1, "the system itself"), (os.getpid(), "runs in"), (2**22 + 1, "no process")]
)
def test_some_processes_are_never_killed(autotuner: Shell, pid: int, told: str) -> None:
    refused = autotuner("kill", pid, "--confirm", pid)
    assert refused.returncode == 2
    assert told in refused.stderr


def test_there_may_be_nothing_to_clean(autotuner: Shell) -> None:
    assert autotuner("clean").stdout == "nothing was left over\n"


def servers() -> list[str]:
    """Stub servers of this test's own making that live."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if str(STUB).encode() in command and str(os.getpid()).encode() not in command:
            found.append(folder.name)
    return found


def test_a_full_disk_ends_the_run_and_keeps_what_was_measured(autotuner: Shell) -> None:
    text = TASK.replace("batch: [4]", "batch: [1, 2, 3, 4, 5, 6]")
    task = autotuner.write(text)

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (450_000, 450_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    ran = subprocess.run(
        [sys.executable, "-m", "core.cli", "--run", task, "--yes"],
        cwd=ROOT,
        env=autotuner.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        preexec_fn=small_files,
        timeout=120,
    )
    assert ran.returncode == 3
    assert "Traceback" not in ran.stderr
    assert "autotuner.db: the disk" in ran.stderr.splitlines()[-1]
    (listed,) = json.loads(autotuner("list", "--json").stdout)
    assert listed["state"] == "interrupted"
    assert listed["outcomes"]["ok"] >= 1


def test_help_is_quick_to_import() -> None:
    code = "import sys; from core.cli.arguments import parse\nprint(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    for heavy in ("textual", "rich", "pydantic", "numpy", "asyncio", "httpx"):
        assert heavy not in loaded


def test_a_run_never_imports_the_screens() -> None:
    code = "import sys, core.cli.running\nprint(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    for heavy in ("textual", "plotext", "docker", "optuna", "scipy.stats"):
        assert heavy not in loaded
