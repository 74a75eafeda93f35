"""A secret of a task file reaches the server, and is kept nowhere."""

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
