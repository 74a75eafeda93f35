"""The server of known truth (`load_stub.c`), compiled and run."""

import atexit
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

SOURCE = Path(__file__).with_name("load_stub.c")
TRUTH = np.dtype([(name, "<i8") for name in ("arrived", "first", "last", "end", "tokens", "late")])


@cache
def compiled() -> str:
    """Return the server's program, which is compiled once in a process."""
    folder = tempfile.mkdtemp(prefix="load-stub-")
    atexit.register(shutil.rmtree, folder)
    program = f"{folder}/load_stub"
    subprocess.run(["cc", "-O2", "-o", program, SOURCE], check=True)
    return program


class Stub:
    """Use as a context manager; afterwards, `truth` holds one row for each answer."""

    def __init__(
        self, ttft: float = 0.05, itl: float = 0.01, tokens_per_chunk: int = 1, **script: float
    ) -> None:
        """Answer after `ttft` seconds, a token each `itl`; `script` is explained in the C file."""
        self._script = [f"{name}={value!r}" for name, value in script.items()]
        self._arguments = [str(round(ttft * 1e6)), str(round(itl * 1e6))]
        self._tokens_per_chunk = str(tokens_per_chunk)
        self.truth: np.ndarray = np.empty(0, dtype=TRUTH)

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="load-stub-"))
        self._log = self._folder / "log"
        self._process = subprocess.Popen(
            [compiled(), *self._arguments, self._log, self._tokens_per_chunk, *self._script],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        lines = [tuple(map(int, line.split())) for line in self._log.read_text().splitlines()]
        self.truth = np.array(lines, dtype=TRUTH)
        shutil.rmtree(self._folder)

    def answers_to(self, sent: np.ndarray) -> np.ndarray:
        """Return the truth about requests, given by when they were sent, in nanoseconds."""
        arrived = np.sort(self.truth, order="arrived")
        places = np.searchsorted(arrived["arrived"], sent).clip(max=len(arrived) - 1)
        return arrived[places]
