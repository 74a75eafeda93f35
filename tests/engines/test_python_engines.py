"""Command lines of the engines that live in a Python of their own."""

from pathlib import Path

import pytest

from core.engines.registry import ENGINES
from core.errors import HostError
from core.task import Configuration, Task


def task(runtime: str, **fields: object) -> Task:
    document = {"task_name": "t", "model": {"id_or_path": "org/m"}, "base_runtime": runtime}
    return Task.model_validate({**document, **fields})


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    for name in ("python", "vllm"):
        program = tmp_path / "bin" / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    return tmp_path


def argv(runtime: str, configuration: dict | None = None, **fields: object) -> list[str]:
    asked = task(runtime, **fields)
    command = ENGINES[runtime].command(asked, Configuration(configuration or {}), port=9)
    return list(command.argv)


def test_sglang(venv: Path) -> None:
    assert argv(
        "sglang",
        {"tp": 2, "disable-radix-cache": True, "chunked_prefill_size": None},
        engine={"executable": str(venv), "arguments": {"mem-frac": 0.8}},
    ) == [
        str(venv / "bin/python"), "-m", "sglang.launch_server", "--model-path", "org/m",
        "--host", "127.0.0.1", "--port", "9", "--disable-radix-cache", "--enable-metrics",
        "--mem-fraction-static", "0.8", "--tp-size", "2",
    ]  # fmt: skip


@pytest.mark.parametrize("runtime", ["sglang", "vllm"])
def test_the_model_is_served_under_the_name_that_requests_ask_for(runtime: str) -> None:
    asked = {"deployment_mode": "docker", "benchmark": {"model_name": "chat"}}
    assert argv(runtime, **asked)[-2:] == ["--served-model-name", "chat"]
    named = {"arguments": {"served_model_name": "mine"}}
    assert argv(runtime, engine=named, **asked)[-2:] == ["--served-model-name", "mine"]


def test_metrics_may_be_switched_off(venv: Path) -> None:
    off = argv("sglang", engine={"executable": str(venv), "arguments": {"enable-metrics": False}})
    assert "--enable-metrics" not in off


def test_vllm(venv: Path) -> None:
    wanted = ["serve", "org/m", "--host", "127.0.0.1", "--port", "9", "--max-num-seqs", "64"]
    tuned = {"max-num-seqs": 64}
    program = str(venv / "bin/vllm")
    assert argv("vllm", tuned, engine={"executable": str(venv)}) == [program, *wanted]
    assert argv("vllm", tuned, engine={"executable": program}) == [program, *wanted]
    python = str(venv / "bin/python")
    assert argv("vllm", tuned, engine={"executable": python}) == [
        python, "-m", "vllm.entrypoints.cli.main", *wanted,
    ]  # fmt: skip


def test_the_users_environment_lies_over_the_adapters(venv: Path) -> None:
    asked = task(
        "vllm", engine={"executable": str(venv), "environment": {"VLLM_SERVER_DEV_MODE": "0"}}
    )
    environment = ENGINES["vllm"].command(asked, Configuration(), port=9).environment
    assert environment["VLLM_SERVER_DEV_MODE"] == "0"


def test_in_a_container_the_images_own_program_is_run() -> None:
    assert argv("vllm", deployment_mode="docker")[:3] == ["vllm", "serve", "org/m"]
    assert argv("sglang", deployment_mode="docker")[:3] == [
        "python3", "-m", "sglang.launch_server",
    ]  # fmt: skip


@pytest.mark.parametrize("runtime", ["sglang", "vllm"])
def test_an_engine_that_is_not_here_is_told(
    runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match=f"{runtime} is not on PATH"):
        argv(runtime)
    with pytest.raises(HostError, match=r"is a folder without bin/python"):
        argv(runtime, engine={"executable": str(tmp_path)})
    with pytest.raises(HostError, match="is no program"):
        argv(runtime, engine={"executable": "/nowhere/python"})


@pytest.mark.parametrize(
    ("runtime", "flags", "gpus"),
    [
        ("sglang", {}, 1),
        ("sglang", {"tp": 4, "pp": 2, "dp": 2}, 16),
        ("sglang", {"tp": 4, "dp": 4, "enable-dp-attention": True}, 4),
        ("sglang", {"tp": 4, "attn-dp-size": 4}, 4),
        ("sglang", {"device": "cpu"}, 0),
        ("vllm", {"tp": 2, "pp": 2, "dp": 2}, 8),
        ("vllm", {"tp": 4, "dcp": 4}, 4),
        ("vllm", {"tp": 2, "cp": 2}, 4),
    ],
)
def test_gpus_needed(runtime: str, flags: dict, gpus: int) -> None:
    assert ENGINES[runtime].gpus_needed(task(runtime), Configuration(flags)) == gpus


def test_the_cpu_build_of_vllm_takes_no_gpu() -> None:
    on_cpu = task("vllm", engine={"environment": {"VLLM_CPU_KVCACHE_SPACE": "1"}})
    assert ENGINES["vllm"].gpus_needed(on_cpu, Configuration({"tp": 2})) == 0
