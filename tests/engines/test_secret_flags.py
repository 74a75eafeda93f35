"""A key given as a flag goes to the server where no other user can read it, and is never tuned."""

import pytest

from core.engines.resolving import engine_of, resolved
from core.errors import TaskError
from core.task import DEFAULTS, Reading, Task, parse_task

KEY = "k3y-of-this-server"


def parsed(engine: str, addition: str = "") -> Reading:
    head = f"task_name: t\nmodel: {{id_or_path: m}}\nbase_runtime: {engine}\n"
    return parse_task(head + addition)


def reading(engine: str, addition: str) -> Reading:
    found = parsed(engine, addition)
    return resolved(found, engine_of(found))


def launched(task: Task) -> tuple[str, dict[str, str]]:
    contained = task.model_copy(update={"deployment_mode": "docker"})
    engine = engine_of(parsed(task.base_runtime))
    command = engine.command(contained, DEFAULTS, port=1)
    return " ".join(command.argv), command.environment


@pytest.mark.parametrize(
    ("engine", "flag", "variable"),
    [
        ("vllm", "api-key", "VLLM_API_KEY"),
        ("vllm", "hf_token", "HF_TOKEN"),
        ("llamacpp", "api-key", "LLAMA_API_KEY"),
        ("llamacpp", "hft", "HF_TOKEN"),
    ],
)
def test_a_secret_flag_becomes_a_variable(engine: str, flag: str, variable: str) -> None:
    found = reading(engine, f"engine: {{arguments: {{{flag}: {KEY}}}}}")
    words, environment = launched(found.task)
    assert KEY not in words
    assert environment[variable] == KEY
    assert any(f"is given as ${variable}" in notice for notice in found.notices)


@pytest.mark.parametrize(
    ("engine", "arguments"),
    [("sglang", "{api-key: abcdef}"), ("vllm", "{api-key: 'one two'}")],
)
def test_where_there_is_no_variable_for_it_that_is_said(engine: str, arguments: str) -> None:
    found = reading(engine, f"engine: {{arguments: {arguments}}}")
    assert found.task.engine.arguments
    assert any("can be read by every user of this machine" in n for n in found.notices)


@pytest.mark.parametrize(
    ("engine", "parameters", "place"),
    [
        ("vllm", "{api_key: [k3y]}", "engine.environment, as VLLM_API_KEY"),
        ("sglang", "{api-key: [null, k3y]}", "engine.arguments"),
        ("custom", "{auth-token: k3y}", "engine.arguments"),
    ],
)
def test_a_secret_is_not_tuned(engine: str, parameters: str, place: str) -> None:
    with pytest.raises(TaskError, match=f"is a secret.* write it in {place}") as caught:
        reading(engine, f"parameters: {parameters}")
    assert "k3y" not in str(caught.value)


def test_a_token_that_is_only_switched_on_or_off_is_tuned() -> None:
    assert "hf-token" in reading("vllm", "parameters: {hf-token: [null, true]}").task.parameters
