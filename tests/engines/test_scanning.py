"""Reading an engine's own flags, with stand-ins for engines that are not here."""

import json
import sys
from pathlib import Path

import pytest

from core.engines import scanning
from core.engines.catalogue import Catalogue, scanned_path
from core.engines.scanning import installed_version, look, scan
from core.engines.sglang import Sglang
from core.errors import HostError, UsageError
from core.task import DEFAULTS, Task
from core.task.document import Engine as EngineSection

HELP = """\
-t,    --threads N                      number of threads (default: -1)
-fa,   --flash-attn [on|off|auto]       set Flash Attention use (default: 'auto')
"""


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOTUNER_HOME", str(tmp_path / "home"))


def program(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def llama(tmp_path: Path) -> str:
    (tmp_path / "help").write_text(HELP)
    told = f'case $1 in --help) cat {tmp_path}/help;; *) echo "version: 10999 (abc)" >&2;; esac'
    return program(tmp_path / "llama-server", told)


def engine_python(folder: Path, module: str) -> str:
    """A Python that has a package of the engine's name, by way of PYTHONPATH."""
    package = folder / "site" / "sglang" / "srt"
    package.mkdir(parents=True)
    (package / "server_args.py").write_text(module)
    record = folder / "site" / "sglang-9.9.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: sglang\nVersion: 9.9+local\n")
    return program(folder / "python3", f'PYTHONPATH={folder}/site exec {sys.executable} "$@"')


PARSER = """\
print("the engine likes to talk")
class ServerArgs:
    @staticmethod
    def add_cli_args(parser):
        parser.add_argument("--tp-size", "--tp", type=int, default=1)
        parser.add_argument("--dtype", choices=["auto", "half"], default="auto")
"""


def test_an_engines_parser_is_read_in_its_own_python(tmp_path: Path) -> None:
    python = engine_python(tmp_path, PARSER)
    catalogue = scan("sglang", python)
    assert catalogue.version == "9.9"
    assert [flag.name for flag in catalogue.flags] == ["tp-size", "dtype"]
    assert Catalogue.load("sglang") == catalogue
    found = look("sglang", python)
    assert (found.version, found.known_version, found.scanned) == ("9.9+local", "9.9", True)
    assert found.mismatch is None


def test_the_engine_that_was_scanned_is_the_one_that_is_launched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = engine_python(tmp_path, PARSER)
    scan("sglang", python)
    monkeypatch.setenv("PATH", "/nowhere")
    assert look("sglang").place == python
    assert scan("sglang").executable == python
    document = {"task_name": "t", "base_runtime": "sglang", "model": {"id_or_path": "m"}}
    task = Task.model_validate(document)
    assert Sglang().command(task, DEFAULTS, port=1).argv[0] == python
    assert installed_version(Sglang(), task) == "9.9+local"
    other = engine_python(tmp_path / "other", PARSER)
    named = task.model_copy(update={"engine": EngineSection(executable=other)})
    assert Sglang().command(named, DEFAULTS, port=1).argv[0] == other
    Path(python).unlink()
    assert look("sglang").place is None
    with pytest.raises(HostError, match="not on PATH"):
        Sglang().command(task, DEFAULTS, port=1)


def test_a_damaged_catalogue_is_made_anew_by_a_scan(tmp_path: Path) -> None:
    scan("sglang", engine_python(tmp_path, PARSER))
    scanned_path("sglang").write_text("{")
    with pytest.raises(HostError, match="engines scan sglang"):
        Catalogue.load("sglang")
    assert scan("sglang", str(tmp_path / "python3")).version == "9.9"


def test_llama_servers_help_is_read(llama: str) -> None:
    before = look("llamacpp", llama)
    assert before.mismatch is not None
    assert "autotuner engines scan llamacpp" in before.mismatch
    assert scan("llamacpp", llama).version == "b10999"
    assert Catalogue.load("llamacpp").find("fa") is not None
    assert look("llamacpp", llama).mismatch is None


@pytest.mark.parametrize(
    ("module", "told"),
    [("raise ImportError('no CUDA here')", "no CUDA here"), ("x = 1", "cannot import name")],
)
def test_a_parser_that_cannot_be_read_is_told(tmp_path: Path, module: str, told: str) -> None:
    with pytest.raises(HostError, match=told):
        scan("sglang", engine_python(tmp_path, module))
    assert not scanned_path("sglang").exists()


@pytest.mark.parametrize(
    ("body", "told"),
    [("exit 3", "status 3"), ("echo nonsense", "told no flags"), ("kill -9 $$", "status -9"),
     ("echo '{\"engine\": 1}'", "told no flags")],
)  # fmt: skip
def test_a_program_that_is_none_of_it_is_told(tmp_path: Path, body: str, told: str) -> None:
    with pytest.raises(HostError, match=told):
        scan("vllm", program(tmp_path / "python", body))


def test_a_program_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_VERSION_SECONDS", 0.2)
    hung = program(tmp_path / "python", "exec sleep 60")
    with pytest.raises(HostError, match="did not answer"):
        scanning._say([hung], 0.2)


def test_what_cannot_be_scanned_is_told() -> None:
    with pytest.raises(UsageError, match="simulated cannot be scanned"):
        scan("simulated")


def test_a_damaged_scan_is_told_with_the_mend(tmp_path: Path) -> None:
    path = scanned_path("vllm")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"engine": "vllm"}))
    with pytest.raises(HostError, match="autotuner engines scan vllm"):
        Catalogue.load("vllm")
