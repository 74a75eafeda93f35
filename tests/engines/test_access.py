"""The key that a launch sets is found, however it is spelled."""

from pathlib import Path

import pytest

from core.engines.access import demanded_key
from core.engines.container import on_the_machine
from core.engines.engine import Command
from core.task import Mount


@pytest.mark.parametrize(
    ("argv", "own", "inherited", "key"),
    [
        ("serve m --api-key abc --port 1", {}, {}, "abc"),
        ("serve m --api-key=abc=", {}, {}, "abc="),
        ("serve m --api_key abc def", {}, {}, "abc"),
        ("serve m --api-key old --api-key abc", {"VLLM_API_KEY": "x"}, {}, "abc"),
        ("serve m", {"VLLM_API_KEY": "abc"}, {"VLLM_API_KEY": "x"}, "abc"),
        ("serve m", {}, {"LLAMA_API_KEY": "abc"}, "abc"),
        ("serve m --api-key", {}, {}, None),
        ("serve m --api-key-file abc", {"VLLM_API_KEY": ""}, {"OPENAI_API_KEY": "x"}, None),
    ],
)
def test_the_key_of_a_launch(
    argv: str, own: dict[str, str], inherited: dict[str, str], key: str | None
) -> None:
    assert demanded_key(Command(argv=tuple(argv.split()), environment=own), inherited) == key


@pytest.mark.parametrize("spelling", ["--api-key-file {}", "--api_key_file={}"])
def test_the_first_key_of_a_file_of_keys_is_used(tmp_path: Path, spelling: str) -> None:
    (tmp_path / "keys").write_text("# for whom\n\n abc \ndef\n")
    words = f"llama-server {spelling}".format(tmp_path / "keys").split()
    assert demanded_key(Command(argv=tuple(words)), {}) == "abc"
    assert demanded_key(Command(argv=(*words, "--api-key", "own")), {}) == "own"
    assert demanded_key(Command(argv=("m", "--api-key-file", str(tmp_path))), {}) is None


def test_a_key_file_is_looked_for_where_a_container_has_it_from(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("abc\n")
    mounts = (Mount(source="/elsewhere", target="/"), Mount(source=str(tmp_path), target="/keys"))
    command = Command(argv=("llama-server", "--api-key-file", "/keys/a"))
    assert demanded_key(command, {}) is None
    assert demanded_key(command, {}, lambda path: on_the_machine(path, mounts)) == "abc"
