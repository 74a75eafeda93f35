"""What tests share: a nasty server, ways to watch processes, decoys that must live, a fake NVML."""

import ctypes
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.events import ProcessIdentity
from core.machine import identity
from core.machine.nvml import NvmlGpus

NASTY = Path(__file__).with_name("nasty_server.py")


def nasty(*flags: str) -> tuple[str, ...]:
    """The command line of a server with these bad manners."""
    return (sys.executable, str(NASTY), *flags)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait for something that is bound to happen, and fail if it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


class Witness:
    """The processes that a nasty server wrote down, by identity."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def processes(self) -> list[ProcessIdentity]:
        text = self.path.read_text() if self.path.exists() else ""
        return [who for line in text.split() if (who := identity.identify(int(line))) is not None]

    def wait_for(self, count: int) -> list[ProcessIdentity]:
        """The processes, once so many are there."""
        wait_until(lambda: len(self.processes()) >= count, f"{count} processes")
        return self.processes()


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path / "pids")


@pytest.fixture
def decoys(tmp_path: Path) -> Iterator[list[ProcessIdentity]]:
    """Three processes with the command line of a server of ours that are not ours."""
    children = [
        subprocess.Popen(nasty("--ignore-term", "--pids", str(tmp_path / "pids"))) for _ in range(3)
    ]
    found = [identity.identify(child.pid) for child in children]
    yield [decoy for decoy in found if decoy is not None]
    for child in children:
        child.kill()
        child.wait()


GIB = 2**30

State = Callable[[str], None]

TWO_BOARDS = f"""\
driver 570.86.15
count 2
gpu0.uuid GPU-a
gpu0.name NVIDIA H100 80GB HBM3
gpu0.total {80 * GIB}
gpu0.reserved {GIB}
gpu0.used {4 * GIB}
gpu0.gpu_load 50
gpu0.memory_load 20
gpu0.power 350500
gpu0.energy 1234500
gpu0.temperature 61
gpu0.sm_clock 1755
gpu0.memory_clock 2619
gpu0.throttle 37
gpu0.pcie 1000
gpu0.bus 0000:01:00.0
gpu1.uuid GPU-b
gpu1.name NVIDIA H100 80GB HBM3
gpu1.total {80 * GIB}
gpu1.bus 0000:02:00.0
"""


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in, built. Once loaded by its path it is the `libnvidia-ml.so.1` of the process."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (cc) for the stand-in NVML library")
    built = tmp_path_factory.mktemp("nvml") / "libnvidia-ml.so.1"
    source = Path(__file__).with_name("fake_nvml.c")
    flags = ["-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", f"-Wl,-soname,{built.name}"]
    subprocess.run([compiler, *flags, "-o", str(built), str(source)], check=True)
    return built


@pytest.fixture
def state(nvml_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """Set what the library says from now on."""
    ctypes.CDLL(str(nvml_library))
    path = tmp_path / "nvml-state"
    monkeypatch.setenv("FAKE_NVML_STATE", str(path))

    def say(text: str) -> None:
        fresh = path.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(path)

    say(TWO_BOARDS)
    return say


@pytest.fixture
def gpus(state: State) -> NvmlGpus:
    return NvmlGpus()
