"""A secret of a task file reaches the server, and is kept nowhere."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.cli.running import with_secrets
from core.errors import HostError
from core.task import Task, parse_task

TOKEN = "hf_abcdefghijklmnop1234"

SERVER = """\
import os, pathlib, sys
pathlib.Path(__file__).with_name("seen").write_text(os.environ.get("HF_TOKEN", ""))
os.execv(sys.executable, [sys.executable, "-m", "core.engines.simulated", *sys.argv[1:]])
"""

TASK = """\
task_name: secret
base_runtime: custom
model: {{id_or_path: llama-3.1-8b}}
engine:
  command: "{python} {server} --model-path {{model}} --port {{port}} --start-speed 25 {{flags}}"
  environment: {{HF_TOKEN: {token}, AWS_SECRET_ACCESS_KEY: {token}-of-aws}}
parameters: {{page-size: [1]}}
optimization: {{max_iterations: 1, confirmation: false, baseline: false}}
benchmark:
  traffic_scenarios: ["D(50,5)"]
  num_concurrency: [2]
  max_time_per_iteration: 3s
  max_requests_per_iteration: 10
"""


def test_a_token_reaches_the_server_and_is_found_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = tmp_path / "server.py"
    server.write_text(SERVER)
    task = tmp_path / "task.yaml"
    task.write_text(TASK.format(python=sys.executable, server=server, token=TOKEN))
    home = tmp_path / "home"
    monkeypatch.setenv("AUTOTUNER_HOME", str(home))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    command = [sys.executable, "-m", "core.cli", "--run", str(task), "--yes"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (tmp_path / "seen").read_text() == TOKEN, ran.stderr
    assert TOKEN not in ran.stdout + ran.stderr
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]


SGLANG = """\
import multiprocessing, pathlib, sys

FOLDER = pathlib.Path(__file__).parent

def see(name):
    pages = [page.read_bytes() for page in pathlib.Path("/proc").glob("[0-9]*/cmdline")]
    (FOLDER / f"{name}.shown").write_bytes(b" ".join(pages))
    (FOLDER / f"{name}.key").write_text(sys.argv[sys.argv.index("--api-key") + 1])

if __name__ == "__main__":
    from core.engines.simulated.arguments import parse_arguments, settle
    from core.engines.simulated.server import serve
    from core.engines.simulated.startup import launch
    child = multiprocessing.get_context("spawn").Process(target=see, args=("child",))
    child.start(), child.join()
    see("server")
    words = sys.argv[1:7]
    assert words[::2] == ["--model-path", "--host", "--port"], words
    sys.exit(serve(launch(settle(parse_arguments([*words, "--start-speed", "25"])))))
"""

SGLANG_TASK = """\
task_name: secret
base_runtime: sglang
model: {{id_or_path: llama-3.1-8b}}
engine:
  executable: {python}
  arguments: {{api-key: {key}}}
  environment: {{PYTHONPATH: "{path}"}}
parameters: {{page-size: [1]}}
optimization: {{max_iterations: 1, confirmation: false, baseline: false}}
benchmark:
  traffic_scenarios: ["D(50,5)"]
  num_concurrency: [2]
  max_time_per_iteration: 3s
  max_requests_per_iteration: 10
"""


def test_a_key_that_an_engine_takes_as_a_flag_alone_stands_in_no_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module in SGLang's place looks at all that any user can see of the processes there are."""
    key, root = "k3y-of-this-server", Path(__file__).parents[2]
    package = tmp_path / "sglang"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "launch_server.py").write_text(SGLANG)
    task = tmp_path / "task.yaml"
    path = f"{tmp_path}:{root}"
    task.write_text(SGLANG_TASK.format(python=sys.executable, key=key, path=path))
    monkeypatch.setenv("AUTOTUNER_HOME", str(tmp_path / "home"))
    command = [sys.executable, "-m", "core.cli", "--json", "--run", str(task), "--yes"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    for process in ("child", "server"):
        shown = (package / f"{process}.shown").read_bytes()
        assert b"--api-key\0$SGLANG_API_KEY\0" in shown
        assert key.encode() not in shown
        assert (package / f"{process}.key").read_text() == key
    assert key not in ran.stdout + ran.stderr
    launch = json.loads(ran.stdout)["launch"]
    assert f"{sys.executable} -m sglang.launch_server --model-path" in launch["command"]
    assert 'SGLANG_API_KEY="$SGLANG_API_KEY"' in launch["command"]
    assert '--api-key "$SGLANG_API_KEY"' in launch["command"]


def stored(environment: str = "{}", arguments: str = "{}") -> Task:
    text = (
        "task_name: t\nbase_runtime: simulated\nmodel: {id_or_path: m}\n"
        f"engine: {{environment: {environment}, arguments: {arguments}}}\n"
    )
    return parse_task(text).task


def test_what_the_store_lacks_is_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    task = with_secrets(stored("{HF_TOKEN: <secret>, OMP_NUM_THREADS: '1'}"))
    assert task.engine.environment == {"OMP_NUM_THREADS": "1"}, "the inherited one counts"


def test_what_cannot_be_had_any_more_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(HostError, match="HF_TOKEN: its value is kept nowhere"):
        with_secrets(stored("{HF_TOKEN: <secret>}"))
    with pytest.raises(HostError, match=r"engine\.arguments\.api-key: is kept nowhere"):
        with_secrets(stored(arguments="{api-key: <secret>}"))
