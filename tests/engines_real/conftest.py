"""A real llama.cpp server and a model for it."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from core.engines.llamacpp import find_llama_server
from core.errors import HostError
from tests.engines_real.tiny_model import write_gguf


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of 5 million random weights."""
    return write_gguf(tmp_path_factory.mktemp("models") / "tiny.gguf", "tiny")


@pytest.fixture(scope="session")
def llama_server(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Path]:
    """A program with llama-server's command line that runs on this CPU."""
    folder = tmp_path_factory.mktemp("llama")
    for program in candidates(folder):
        if survives(program, model):
            yield program
            return
    pytest.skip("no llama-server runs here: neither on PATH, nor prebuilt, nor xllamacpp")


def candidates(folder: Path) -> Iterator[Path]:
    """Programs to try, the real one first."""
    with suppress(HostError):
        yield find_llama_server()
    launcher = folder / "llama-server"
    script = Path(__file__).with_name("llama_launcher.py")
    words = shlex.join([sys.executable, str(script)])
    launcher.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    launcher.chmod(0o700)
    yield launcher


def survives(program: Path, model: Path) -> bool:
    """Return whether the program still runs a while after it was told to load a model."""
    assert shutil.which(program)
    server = subprocess.Popen(
        [program, "--model", model, "--port", "0", "--host", "127.0.0.1", "--ctx-size", "256"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        server.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return True
    finally:
        server.kill()
        server.wait()
    return False
