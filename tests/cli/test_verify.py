"""`autotuner verify` as a gate: real launches of the simulated engine, and an exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TEXT = """\
task_name: pinned
base_runtime: simulated
model: {id_or_path: llama-3.1-8b}
engine: {arguments: {gpu: RTX-4090, start-speed: 100}}
parameters: {quantization: [fp8]}
optimization:
  {strategy: grid_search, objective: maximize_throughput, max_iterations: 1, baseline: false}
benchmark:
  traffic_scenarios: ["D(64,4)"]
  num_concurrency: [8]
  max_requests_per_iteration: 16
  max_time_per_iteration: 2s
"""

STEADY = "{value: 100, repeats: 3, noise: 0.02}"
UNSTEADY = "{value: 5000, repeats: 2, noise: 3}"
"""Two launches that lay so far apart that any figure of this engine may be the same."""

HOPELESS = "slo: {ttft: {mean: {threshold: 1.0e-6, hard_fail: true}}}\n"


def verify(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return autotuner(home, "verify", *words)


def autotuner(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "core.cli", *words],
        env={**os.environ, "AUTOTUNER_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("old", "more", "launches", "status", "word"),
    [
        (STEADY, "", 3, 0, "holds"),
        (STEADY, HOPELESS, 1, 1, "regression"),
        (UNSTEADY, "", 3, 4, "inconclusive"),
    ],
    ids=["holds", "regression", "inconclusive"],
)
def test_the_exit_status_is_the_verdict(
    tmp_path: Path, old: str, more: str, launches: int, status: int, word: str
) -> None:
    file = tmp_path / "reproduce.yaml"
    file.write_text(TEXT + f"expect: {old}\n" + more)
    ended = verify(tmp_path / "home", str(file), "--launches", "3", "--json")
    assert ended.returncode == status, ended.stderr
    found = json.loads(ended.stdout)
    assert found["status"] == word
    assert found["launches"] >= launches
    assert autotuner(tmp_path / "home", "list").stdout.startswith("and ")
    assert "#1" in autotuner(tmp_path / "home", "list", "--all").stdout


def test_what_cannot_be_verified_is_said(tmp_path: Path) -> None:
    file = tmp_path / "plain.yaml"
    file.write_text(TEXT)
    ended = verify(tmp_path / "home", str(file))
    assert ended.returncode == 2
    assert "has no `expect`" in ended.stderr
    assert verify(tmp_path / "home", "nothing").returncode == 2
    assert "a share between 0 and 1" in verify(tmp_path, "x", "--tolerance", "7").stderr
