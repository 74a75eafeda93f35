"""The program in a pseudo-terminal: what arrives is drawn by `pyte`, as a terminal would."""

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pyte

PATIENCE = 60.0
"""Seconds; a loaded machine is no failure."""


class RealTerminal:
    """A program in a terminal of its own. Use it as a context manager."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        home: Path,
        width: int = 80,
        height: int = 24,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.at_first = termios.tcgetattr(slave)
        self.screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self.screen)
        self.received = bytearray()
        inherited = {k: os.environ[k] for k in ("PATH", "HOME") if k in os.environ}
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={
                **inherited,
                "AUTOTUNER_HOME": str(home),
                "TERM": "xterm-256color",
                "LC_ALL": "C.UTF-8",
                "TZ": "UTC",
                **(environment or {}),
            },
            cwd=Path(__file__).parents[2],
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self.slave = slave

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for descriptor in (self.master, self.slave):
            if descriptor >= 0:
                os.close(descriptor)
        self.master = self.slave = -1

    def read(self, seconds: float = 0.05) -> int:
        """Take in what arrives within some time and return how many bytes that was."""
        end, before = time.monotonic() + seconds, len(self.received)
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([self.master], [], [], left)
            if not ready:
                break
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            self.received += data
            self._stream.feed(data)
        return len(self.received) - before

    @property
    def text(self) -> str:
        """What the terminal shows."""
        return "\n".join(row.rstrip() for row in self.screen.display)

    def wait_for(self, *words: str) -> None:
        """Wait until all of these are on the screen."""
        end = time.monotonic() + PATIENCE
        while not all(word in self.text for word in words):
            assert time.monotonic() < end, f"{words} did not appear:\n{self.text}"
            self.read()

    def keys(self, text: str) -> None:
        """Press keys."""
        os.write(self.master, text.encode())

    def end(self) -> int:
        """Wait for the program's end and return its status."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it did not end:\n{self.text}"
            self.read()
        self.read(0.2)
        return self.process.returncode

    def close_line(self) -> None:
        """Drop the line, as a lost SSH connection does."""
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1

    @property
    def attributes(self) -> list[Any]:
        """The terminal's attributes: echo, line editing, what ctrl+c does."""
        return termios.tcgetattr(self.slave)

    def is_whole(self) -> bool:
        """Whether cursor, screen, mouse and keyboard are as the shell had them."""
        for mode in (b"1049", b"1000", b"1003", b"1006", b"2004"):
            if self.received.rfind(b"\x1b[?%sh" % mode) > self.received.rfind(b"\x1b[?%sl" % mode):
                return False
        cursor_is_shown = self.received.rfind(b"\x1b[?25h") > self.received.rfind(b"\x1b[?25l")
        return cursor_is_shown and self.attributes == self.at_first


APP = (sys.executable, "-m", "core.cli")
