"""A simulated server as a real process."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from core.engines.simulated.startup import READY


@dataclass
class Served:
    """A server process and where it listens."""

    process: subprocess.Popen[str]
    port: int
    log: list[str]
    """Its lines so far."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def read_until(self, text: str) -> None:
        """Read the log up to a line with `text`, or to its end."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line.rstrip("\n"))
            if text in line:
                return

    def wait(self) -> int:
        """Read the rest of the log and return the exit status."""
        self.read_until("\0")
        return self.process.wait(timeout=30)


@contextmanager
def launched(*flags: str) -> Iterator[Served]:
    words = [sys.executable, "-m", "core.engines.simulated", "--port", "0", *flags]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    served = Served(process, 0, [])
    try:
        served.read_until("Listening on")
        if "Listening on" in served.log[-1]:
            served.port = int(served.log[-1].rpartition("http://127.0.0.1:")[2].partition(",")[0])
        yield served
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def launch_server() -> Iterator[Callable[..., Served]]:
    """Start servers; they are ended with the test. `ready=False`: do not wait for readiness."""
    with ExitStack() as servers:

        def start(*flags: str, ready: bool = True) -> Served:
            served = servers.enter_context(launched(*flags))
            if ready:
                served.read_until(READY)
                assert READY in served.log[-1], served.log
            return served

        yield start


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """One fast server of the tiny model, for all tests of a module that leave it as it was."""
    with launched("--model", "tiny", "--gpu", "L4", "--speed", "50", "--seed", "1") as served:
        served.read_until(READY)
        yield served
