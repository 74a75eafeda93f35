"""The launch command, as a real shell reads it."""

import json
import os
import shlex
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.report.launch import folded_further, launch_command, launch_command_folded

SAY = (
    sys.executable,
    "-c",
    "import sys,json,os;print(json.dumps([sys.argv[1:],dict(os.environ)]))",
)


def run(command: str) -> tuple[list[str], dict[str, str]]:
    said = subprocess.run(
        ["/bin/sh", "-c", command],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "HF_TOKEN": "from the shell"},
    )
    arguments, environment = json.loads(said.stdout)
    return arguments, environment


NASTY = ["--a", "it's", "--json", '{"a": [1, "$HOME"]}', "--flag", "*", "`ls`", "", "-1", "a\nb"]


@pytest.mark.parametrize("width", [1, 40, 80, 1000])
def test_a_shell_reads_the_very_same_words(width: int) -> None:
    environment = {"OMP_NUM_THREADS": "a b", "HF_TOKEN": "<secret>"}
    for command in (
        launch_command([*SAY, *NASTY], environment),
        launch_command_folded([*SAY, *NASTY], environment, width),
    ):
        arguments, variables = run(command)
        assert arguments == NASTY
        assert variables["OMP_NUM_THREADS"] == "a b"
        assert variables["HF_TOKEN"] == "from the shell"
        assert "<secret>" not in command


@settings(max_examples=15)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)))
def test_any_words_survive(words: list[str]) -> None:
    arguments, _ = run(launch_command_folded([*SAY, *words], {}, 30))
    assert arguments == words


def test_a_folded_command_fits_and_keeps_a_flag_with_its_value() -> None:
    argv = [
        "vllm",
        "serve",
        "meta/llama",
        "--max-num-seqs",
        "256",
        "--enforce-eager",
        "--port",
        "1",
    ]
    assert launch_command_folded(argv, {}, 40) == (
        "vllm serve meta/llama \\\n    --max-num-seqs 256 --enforce-eager \\\n    --port 8000"
    )
    assert launch_command_folded(argv, {}, 200) == launch_command(argv, {})


def test_a_negative_number_is_a_value_and_no_flag() -> None:
    command = launch_command_folded(["serve", "--n-predict", "-1", "--temp", "-.5"], {}, 24)
    assert command == "serve --n-predict -1 \\\n    --temp -.5"


@pytest.mark.parametrize("width", [24, 30, 37, 50])
def test_what_is_folded_further_keeps_a_flag_with_its_value_and_its_meaning(width: int) -> None:
    words = ["--host", "127.0.0.1", "--json", '{"a": 1}', "--on", "--n-predict", "-1", "--p=1", "x"]
    rows = launch_command(["serve", *words], {}).splitlines()
    rows = [piece for row in rows for piece in folded_further(row, width)]
    assert max(map(len, rows)) <= width
    for row in rows[:-1]:
        assert row.endswith(" \\")
        assert row.split()[-2] not in {"--host", "--json", "--n-predict"}
    assert run(f"{shlex.join(SAY)} {chr(10).join(rows)}")[0] == ["serve", *words]


def test_a_secret_variable_that_the_command_refers_to_is_filled_in_by_the_shell() -> None:
    arguments, _ = run(launch_command([*SAY, "--api-key", "$HF_TOKEN", "--a", "$HOME"], {}))
    assert arguments == ["--api-key", "from the shell", "--a", "$HOME"]


def test_the_port_that_was_free_is_not_handed_on() -> None:
    assert launch_command(["serve", "--port", "31234", "-x", "--port=31234"], {}) == (
        "serve --port 8000 -x --port=8000"
    )
