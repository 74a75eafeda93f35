"""A key given as a flag goes to the server where no other user can read it, and is never tuned."""

import pytest

from core.engines.engine import Command
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


@pytest.mark.parametrize("given", [KEY, "$SGLANG_API_KEY"])
def test_an_engine_without_a_variable_for_it_is_given_a_reference(given: str) -> None:
    found = reading("sglang", f"engine: {{arguments: {{api-key: {given}}}}}")
    task = found.task.model_copy(update={"deployment_mode": "docker"})
    command = engine_of(parsed("sglang")).command(task, DEFAULTS, port=1)
    assert command.references == ("SGLANG_API_KEY",)
    assert "--api-key $SGLANG_API_KEY" in " ".join(command.argv)
    assert command.argv[:3] == ("python3", "-m", "sglang.launch_server")
    assert command.executed[:2] == ("python3", "-c")
    assert command.executed[3:] == command.argv[2:]
    written_out = given == KEY
    assert (command.environment == {"SGLANG_API_KEY": KEY}) is written_out
    assert any("is given as $SGLANG_API_KEY" in n for n in found.notices) is written_out


def test_a_command_without_a_secret_is_run_as_it_is_written() -> None:
    task = reading("sglang", "engine: {arguments: {chat-template: $HOME}}").task
    task = task.model_copy(update={"deployment_mode": "docker"})
    command = engine_of(parsed("sglang")).command(task, DEFAULTS, port=1)
    assert command.executed == command.argv


MODULE = "engine: {command: 'python3 -m s --port {port} {flags}', arguments: {auth-token: t0ken-x}}"


def test_a_python_module_of_any_kind_fills_references_in() -> None:
    task = reading("custom", MODULE).task
    assert task.engine.arguments == {"auth-token": "$CUSTOM_AUTH_TOKEN"}
    assert task.engine.environment == {"CUSTOM_AUTH_TOKEN": "t0ken-x"}


@pytest.mark.parametrize(
    ("engine", "settings", "told"),
    [
        ("vllm", "arguments: {api-key: 'one11 two22'}", "name one secret: it is given as"),
        ("vllm", "arguments: {api-key: $MY_API_KEY}", r"the engine reads \$VLLM_API_KEY"),
        ("custom", "command: 'serve {port} {flags}', arguments: {api-key: one11x}", "is a secret"),
        ("custom", "command: 'serve {port} $MY_API_KEY'", r"\$MY_API_KEY would stay as it is"),
        ("custom", """command: 's {port} "$MY_API_KEY"'""", r"\$MY_API_KEY would stay as it is"),
    ],
)
def test_a_secret_that_would_stand_in_the_arguments_is_refused(
    engine: str, settings: str, told: str
) -> None:
    with pytest.raises(TaskError, match=told) as caught:
        reading(engine, f"engine: {{{settings}}}")
    assert "one11" not in str(caught.value)


def test_a_stand_in_for_a_key_guards_nothing() -> None:
    settings = "engine: {command: 'serve {port} {flags}', arguments: {api-key: EMPTY}}"
    assert reading("custom", settings).task.engine.arguments == {"api-key": "EMPTY"}


def test_a_variable_that_the_engine_reads_by_itself_is_no_flag() -> None:
    task = reading("vllm", "engine: {arguments: {api-key: $VLLM_API_KEY}}").task
    assert (task.engine.arguments, task.engine.environment) == ({}, {})


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


@pytest.mark.parametrize(
    ("words", "begins"),
    [
        ("python3 -P -m s --api-key $API_KEY", ["python3", "-P", "-c"]),
        ("/v/bin/python -m s $API_KEY", ["/v/bin/python", "-c"]),
        ("python3 serve.py -m x $API_KEY", ["python3", "serve.py"]),
        ("llama-server -m x $API_KEY", ["llama-server", "-m"]),
        ("python3 $API_KEY -m", ["python3", "$API_KEY"]),
    ],
)
def test_a_module_of_python_fills_in_what_it_refers_to(words: str, begins: list[str]) -> None:
    executed = Command(argv=tuple(words.split())).executed
    assert list(executed[: len(begins)]) == begins
    assert "$API_KEY" in executed
