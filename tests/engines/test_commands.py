"""Command lines, word for word."""

from pathlib import Path

import pytest

from core.engines.custom import Custom
from core.engines.llamacpp import LlamaCpp
from core.engines.registry import ENGINES, explain_unknown
from core.errors import HostError, TaskError
from core.task import Configuration, Task


def task(runtime: str, **fields: object) -> Task:
    document = {"task_name": "t", "model": {"id_or_path": "m.gguf"}, "base_runtime": runtime}
    return Task.model_validate({**document, **fields})


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "llama-server"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_llama_server(program: Path) -> None:
    asked = task(
        "llamacpp",
        engine={"executable": str(program), "arguments": {"ctx_size": 4096, "parallel": 1}},
    )
    configuration = Configuration({"parallel": 4, "flash-attn": "on", "cont-batching": False})
    command = LlamaCpp().command(asked, configuration, port=8123)
    assert list(command.argv) == [
        str(program), "--model", "m.gguf", "--host", "127.0.0.1", "--port", "8123", "--metrics",
        "--no-cont-batching", "--ctx-size", "4096", "--flash-attn", "on", "--parallel", "4",
    ]  # fmt: skip


def test_a_missing_program_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = task("llamacpp", engine={"executable": "/nowhere/llama-server"})
    with pytest.raises(HostError, match="/nowhere/llama-server is no program"):
        LlamaCpp().command(asked, Configuration(), port=1)


def test_a_program_on_path_comes_first(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    assert LlamaCpp().command(task("llamacpp"), Configuration(), port=1).argv[0] == str(program)


def test_a_custom_command_keeps_values_with_spaces_whole() -> None:
    asked = task(
        "custom",
        engine={"command": "python3 'my server.py' -m {model} -p {port} --bind={host} {flags}"},
        parameters={"template": ["a b"]},
    )
    command = Custom().command(asked, Configuration({"template": "a b", "fast": True}), port=9)
    assert list(command.argv) == [
        "python3", "my server.py", "-m", "m.gguf", "-p", "9", "--bind=127.0.0.1",
        "--fast", "--template", "a b",
    ]  # fmt: skip


def test_a_custom_command_may_be_a_list() -> None:
    asked = task(
        "custom", engine={"command": ["serve", "--port", "{port}"], "environment": {"A": "1"}}
    )
    command = Custom().command(asked, Configuration(), port=9)
    assert list(command.argv) == ["serve", "--port", "9"]
    assert command.environment == {"A": "1"}


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        ({}, "is missing"),
        ({"command": "serve 'x"}, "cannot be split"),
        ({"command": "serve {flags}"}, "lacks {port}"),
        ({"command": "serve {port}"}, "lacks {flags}"),
    ],
)
def test_a_template_that_cannot_work_is_told(engine: dict, told: str) -> None:
    asked = task("custom", engine=engine, parameters={"x": [1]})
    with pytest.raises(TaskError, match=told):
        Custom().command(asked, Configuration(), port=1)


def test_an_unknown_engine_is_told_with_the_nearest() -> None:
    assert "did you mean llamacpp?" in explain_unknown("llama-cpp")
    assert all(name in explain_unknown("x") for name in ENGINES)
