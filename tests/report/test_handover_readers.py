"""Whatever is among its words, a server is started with exactly them: read back by the readers."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import podman_compose
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.engines.catalogue import Catalogue
from core.engines.flag import Flag
from core.engines.registry import ENGINES
from core.machine.masking import MASK
from core.report.handover.config_file import config_file
from core.report.handover.containers import compose, docker_run
from core.report.handover.deployment import Deployment, deployment
from core.report.handover.service import unit
from core.report.handover.yaml_text import as_yaml
from core.report.launch import launch_command, launch_command_folded
from core.store.masking import SECRET
from core.task import Configuration, FlagValue, Mount, parse_task
from tests.report.served import served
from tests.report.systemd_words import expanded, words_by_systemd, words_of

NASTY = (
    "--a", "it's", 'say "hi"', '--json={"a": [1, "$HOME"]}', "100%", "%h %n", "$HOME", "${PATH}",
    "$$", "`ls`", "$(ls)", "*", "?", "~", "~/x", "", " ", "a\nb", "\ta ", "-1", "--", ";", "#",
    "&&", "\\", "a\\", "\\n", "é", "😀", "on", "1e3", "null", "a: b", "{x}", "!", "\x7f",
    "\x1b[31m", "a\rb", "\u2028",
)  # fmt: skip

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
WORDS = st.lists(st.sampled_from(NASTY) | TEXTS, max_size=8)
KEY = "se$am %h"


@cache
def plain() -> Deployment:
    found = deployment(served())
    assert found is not None
    return replace(found, environment={}, secrets=("API_KEY",))


def with_words(words: list[str], value: str = "") -> Deployment:
    argv = ("/bin/server", *words, "--own", "$API_KEY", "--api-key", MASK, f"--token={SECRET}")
    return replace(plain(), argv=argv, inside=argv, environment={"SAID": value})


def whole(words: list[str]) -> list[str]:
    return [*words, "--own", KEY, "--api-key", KEY, f"--token={KEY}"]


def shell(text: str, program: str) -> list[str]:
    """The words that a real shell gives a program."""
    said = subprocess.run(
        ["sh", "-c", f"{shlex.quote(program)}() {{ printf '%s\\0' \"$@\"; }}\n{text}"],
        env={"API_KEY": KEY, "TOKEN": KEY, "HOME": "/home/me"},
        capture_output=True,
        check=True,
    )
    return said.stdout.decode().split("\0")[:-1]


@settings(max_examples=25)
@example(list(NASTY), "a b")
@given(WORDS, TEXTS)
def test_a_shell_gives_docker_exactly_these_words(words: list[str], value: str) -> None:
    text = docker_run(with_words(words, value))
    assert text is not None
    given_ = shell(text, "docker")
    assert given_[given_.index("--volume") + 1] == (
        "/home/me/.cache/huggingface:/root/.cache/huggingface"
    )
    assert given_[given_.index("--env") + 1] == f"SAID={value}"
    image = given_.index("lmsysorg/sglang:v0.5.23")
    assert given_[image - 2 : image] == ["--entrypoint", "/bin/server"]
    assert given_[image + 1 :] == whole(words)


@pytest.mark.parametrize("width", [1, 88])
def test_a_masked_argument_is_a_variable_of_the_shell(width: int) -> None:
    argv = ["server", "--api-key", MASK, f"--url=https://{SECRET}@host", *NASTY]
    for text in (launch_command(argv, {}), launch_command_folded(argv, {}, width)):
        assert MASK not in text
        assert SECRET not in text
        said = shell(f"URL_SECRET=me:{KEY[:2]}\n{text}", "server")
        assert said == ["--api-key", KEY, "--url=https://me:se@host", *NASTY]


@settings(max_examples=50)
@example(list(NASTY), "a b")
@given(WORDS, TEXTS)
def test_compose_reads_exactly_these_words(words: list[str], value: str) -> None:
    text = compose(with_words(words, value))
    assert text is not None
    shell = {"API_KEY": KEY, "TOKEN": KEY}
    service = podman_compose.rec_subs(yaml.safe_load(text), shell)["services"]["chat-8b"]
    assert service["entrypoint"] == ["/bin/server"]
    assert service["command"] == whole(words)
    assert service["environment"] == [f"SAID={value}", "API_KEY"]


COMPOSE = {
    "podman-compose": [sys.executable, "-m", "podman_compose"],
    "docker-compose": ["docker-compose"],
    "docker compose": ["docker", "compose"],
}


@pytest.mark.parametrize("program", COMPOSE)
def test_a_compose_program_takes_the_file(tmp_path: Path, program: str) -> None:
    command = COMPOSE[program]
    if shutil.which(command[0]) is None or _runs([*command, "version"]) is None:
        pytest.skip(f"{program} is not installed")
    deployed = with_words(["--a", "$HOME 100%"], "b")
    mounts = (*deployed.mounts, Mount(source="/with:colon", target="/with:colon"))
    text = compose(replace(deployed, mounts=mounts, gpus=2, shm_gib=0.5))
    (tmp_path / "compose.yaml").write_text(text or "")
    said = _runs([*command, "-f", str(tmp_path / "compose.yaml"), "config"])
    assert said is not None
    service = yaml.safe_load(said)["services"]["chat-8b"]
    # Docker's own write `$$`, so that it could be read again.
    given_ = [word.replace("$$", "$") for word in service["command"]]
    assert given_[2:] == ["--own", "sesam", "--api-key", "sesam", "--token=sesam"]
    assert given_[:2] == ["--a", "$HOME 100%"]
    assert service["deploy"]["resources"]["reservations"]["devices"][0]["count"] == 2


def _runs(command: list[str]) -> str | None:
    environment = {**os.environ, "API_KEY": "sesam", "TOKEN": "sesam"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return ended.stdout if ended.returncode == 0 else None


@pytest.mark.parametrize("read", [words_of, words_by_systemd])
@settings(max_examples=100)
@example(list(NASTY), "a b")
@given(words=WORDS, value=TEXTS)
def test_systemd_reads_exactly_these_words(read: object, words: list[str], value: str) -> None:
    text = unit(with_words(words, value))
    assert text is not None
    lines = text.split("\n")
    [command] = [line[len("ExecStart=") :] for line in lines if line.startswith("ExecStart=")]
    program, *arguments = read(command)  # type: ignore[operator]
    assert program == "/bin/server"
    variables = {"API_KEY": KEY, "TOKEN": KEY}
    assert [expanded(word, variables) for word in arguments] == whole(words)
    [said] = [line[len("Environment=") :] for line in lines if line.startswith("Environment=")]
    assert [word.replace("%%", "%") for word in read(said)] == [f"SAID={value}"]  # type: ignore[operator]


def test_a_unit_of_a_run_in_containers_runs_docker() -> None:
    deployed = replace(with_words(list(NASTY)), argv=None)
    text = unit(deployed)
    assert text is not None
    assert "Requires=docker.service" in text
    [command] = [line[10:] for line in text.split("\n") if line.startswith("ExecStart=")]
    variables = {"API_KEY": KEY, "TOKEN": KEY}
    words = [expanded(word, variables) for word in words_of(command)]
    assert words[:2] == ["docker", "run"]
    assert f"{Path.home()}/.cache/huggingface:/root/.cache/huggingface" in words
    assert words[words.index("lmsysorg/sglang:v0.5.23") + 1 :] == whole(list(NASTY))


def test_systemd_itself_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    deployed = with_words(list(NASTY), "a %h")
    for found in (replace(deployed, argv=("/bin/echo", *(deployed.argv or ())[1:])), deployed):
        (tmp_path / "chat-8b.service").write_text(unit(found) or "")
        said = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", tmp_path / "chat-8b.service"],
            capture_output=True,
            text=True,
            check=False,
        )
        if found is deployed:  # which it would not, were it not read
            assert "/bin/server is not executable" in said.stderr
        else:
            ours = [line for line in said.stderr.splitlines() if "chat-8b" in line]
            assert (ours, said.returncode) == ([], 0)


def values_of(flag: Flag) -> st.SearchStrategy[FlagValue]:
    """Values that a task may give a flag."""
    if flag.takes == "nothing":
        return st.booleans() if flag.negation else st.just(True)
    if flag.choices:
        return st.sampled_from(flag.choices)
    match flag.type:
        case "int" | "size":
            return st.integers(-1, 10**9)
        case "float":
            return st.floats(allow_nan=False, allow_infinity=False)
        case "json":
            return st.just('{"level": 3, "list": ["on", 1e3]}')
    return st.sampled_from(["on", "1e3", "0x10", "12:30", "null", "a: b", "{x}", "007", "1_000"])


@st.composite
def configurations(draw: st.DrawFn, engine: str) -> Configuration:
    flags = draw(st.lists(st.sampled_from(Catalogue.shipped(engine).flags), max_size=6))
    return Configuration({flag.name: draw(values_of(flag)) for flag in flags})


def as_config_file(engine: str, configuration: Configuration) -> tuple[list[str], str]:
    """The command line of a configuration, and its file."""
    text = f"task_name: chat-8b\nbase_runtime: {engine}\nmodel: {{id_or_path: m/8B}}\n"
    task = parse_task(f"{text}deployment_mode: docker\n").task
    argv = ENGINES[engine].command(task, configuration, port=8000).argv
    made = config_file(replace(plain(), argv=argv), engine)
    assert made is not None
    return [*argv], made


def given_to(argv: list[str]) -> dict[str, list[str]]:
    """What argparse makes of a command line, by flag: the last of two counts."""
    groups: dict[str, list[str]] = {}
    flag = ""
    for word in argv:
        if word.startswith("--"):
            flag, groups[word] = word, []
        else:
            groups[flag].append(word)
    return groups


def read_by_vllm(argv: list[str]) -> list[str]:
    """`FlexibleArgumentParser._pull_args_from_config` of vLLM 0.32.0, with the file as its text."""
    assert argv[:3] == ["vllm", "serve", "--config"]
    words: list[str] = []
    for key, value in yaml.safe_load(argv[3]).items():
        match value:
            case bool():
                words += [f"--{key}"] if value else []
            case list():
                words += [f"--{key}", *map(str, value)] if value else []
            case dict():
                words += [f"--{key}", json.dumps(value)]
            case _:
                words += [f"--{key}", str(value)]
    return [*words, *argv[4:]]


def read_by_sglang(argv: list[str], catalogue: Catalogue) -> list[str]:
    """`ConfigArgumentMerger` of SGLang 0.5.23, with the file as its text."""
    at = argv.index("--config")
    words: list[str] = []
    for key, value in yaml.safe_load(argv[at + 1]).items():
        flag = catalogue.find(key)
        switch = flag is not None and flag.takes == "nothing"
        assert flag is None or not (flag.negation or flag.name == "lora-paths"), "unsupported"
        assert flag is None or not (switch and flag.deprecated is not None), "unsupported"
        match value:
            case bool() if switch:
                words += [f"--{key}"] if value else []
            case bool():
                words += [f"--{key}", str(value).lower()]
            case list():
                words += [f"--{key}", *map(str, value)] if value else []
            case dict():
                words += [f"--{key}", json.dumps(value)]
            case _:
                words += [f"--{key}", str(value)]
    return [*words, *argv[3:at], *argv[at + 2 :]]


def started(made: str) -> list[str]:
    """The command at the head of a file, with the file itself in the place of its name."""
    head, _, _ = made.partition("\n")
    words = shlex.split(head.removeprefix("# "))
    words[words.index("--config") + 1] = made
    return words


@given(configurations("vllm"))
def test_vllm_reads_the_flags_that_were_measured(configuration: Configuration) -> None:
    argv, made = as_config_file("vllm", configuration)
    [model] = argv[2:3]
    wanted = given_to(["--model", model, *argv[3:]])
    assert given_to(read_by_vllm(started(made))) == wanted


@example(Configuration({"disable-cuda-graph": True, "enable-tf32-matmul": False}))
@given(configurations("sglang"))
def test_sglang_reads_the_flags_that_were_measured(configuration: Configuration) -> None:
    argv, made = as_config_file("sglang", configuration)
    read = read_by_sglang(started(made), Catalogue.shipped("sglang"))
    assert given_to(read) == given_to(argv[3:])


def test_a_secret_is_left_to_the_command_of_a_config_file() -> None:
    deployed = replace(plain(), argv=("vllm", "serve", "m", "--api-key", SECRET, "--seed", "1"))
    assert config_file(deployed, "vllm") == (
        '# vllm serve --config chat-8b.config.yaml --api-key "$API_KEY"\nmodel: m\nseed: 1\n'
    )


@given(st.dictionaries(TEXTS, st.sampled_from(NASTY) | TEXTS | st.integers() | st.booleans()))
def test_both_versions_of_yaml_read_the_same(values: Mapping[str, object]) -> None:
    from ruamel.yaml import YAML

    text = as_yaml(dict(values))
    assert yaml.safe_load(text) == values
    assert YAML(typ="safe", pure=True).load(text) == values
