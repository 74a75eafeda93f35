"""A run as it goes: plain lines into a pipe, a live display on a real terminal."""

import io
import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

import pyte
import pytest

from core.events import Event, LevelProgress
from core.report.progress import PlainProgress, progress_on
from tests.report.runs import chat_events, conclusion

ROOT = Path(__file__).parents[2]


def told(events: list[Event], encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    with progress_on(stream) as progress:
        assert isinstance(progress, PlainProgress)
        for event in events:
            progress.show(event)
    return raw.getvalue().decode(encoding)


def test_a_pipe_gets_one_plain_line_for_each_happening() -> None:
    lines = told(chat_events()).splitlines()
    said = [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in lines]
    assert said != lines
    assert said[0] == (
        "simulated 1.0 (simulated: the figures come from a model of a machine): "
        "4 configurations, at most 5 experiments, 2 load levels each"
    )
    assert said[1] == "experiment 0: engine defaults"
    assert "experiment 1: page-size=64, disable-radix-cache=true (spreads over the space)" in said
    assert "experiment 2: starting: loading weights" in said
    assert any(
        "measuring level 2 of 2, D(100,100) × 16: 10 of 50 requests" in line for line in said
    )
    assert any(line.startswith("experiment 2: D(100,100) × 4: TTFT mean 100 ms") for line in said)
    assert "✓ experiment 0: ok; 4,500 tok/s/GPU (engine defaults)" in said
    assert any(
        line.startswith("✗ experiment 1: breaks SLO; 1,500 tok/s/GPU; E2E P90 ") for line in said
    )
    assert (
        "★ best so far: experiment 2, 6,574 tok/s/GPU, +46.1 % against the defaults; "
        "at most 2 more, about 2 min 04 s"
    ) in said
    assert "! experiment 3: the server took 70 s to stop" in said
    assert any(line.startswith("✗ experiment 4: out of memory: the KV cache") for line in said)
    assert said[-1] == "finished: the space is exhausted"


def test_a_pipe_gets_no_control_characters_and_no_colour() -> None:
    text = told(chat_events())
    assert all(line.isprintable() for line in text.split("\n"))


def test_progress_is_told_at_most_every_ten_seconds() -> None:
    events = [e for e in chat_events() if isinstance(e, LevelProgress)]
    lines = [line for line in told(chat_events()).splitlines() if "of 50 requests" in line]
    # 2.5 s, 5 s and 11.25 s into each of eight levels: the first, then silence.
    assert len(events) == 24
    assert len(lines) == 8
    late = [e.model_copy(update={"at": e.at + 30}) for e in events[:1]]
    again = told([*chat_events()[:5], events[0], *late]).splitlines()
    assert len([line for line in again if "of 50 requests" in line]) == 2


def test_a_terminal_without_utf8_gets_ascii() -> None:
    text = told(chat_events(), "ascii")
    assert "+ experiment 0: ok" in text
    assert "x experiment 1: breaks SLO" in text
    assert "* best so far" in text


def test_a_run_that_is_taken_up_again_goes_on_from_where_it_stood() -> None:
    events = chat_events()
    half = next(n for n, e in enumerate(events) if e.type == "search_advanced") + 1
    stream = io.StringIO()
    with progress_on(stream, conclusion(events[:half]).state) as progress:
        for event in events[half:]:
            progress.show(event)
    assert "+46.1 % against the defaults" in stream.getvalue()


def test_a_replay_shows_what_was_shown_live() -> None:
    assert told(chat_events()) == told(chat_events())


@pytest.mark.parametrize("colour", ["FORCE_COLOR", "NO_COLOR"])
def test_no_wish_for_colour_turns_a_pipe_into_a_terminal(
    colour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(colour, "1")
    assert "\x1b" not in told(chat_events())


def test_a_reader_that_leaves_stops_no_run() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w", buffering=1)
    with progress_on(stream) as progress:
        for event in chat_events():
            progress.show(event)
        assert progress.state.ended is not None
    with pytest.raises(BrokenPipeError):
        stream.close()


SHOW = """
import sys, time
from core.report import progress_on
from tests.report.runs import chat_events
events = chat_events()
shift = time.time() - events[0].at
with progress_on(sys.stderr) as progress:
    for number, event in enumerate(events):
        progress.show(event.model_copy(update={"at": event.at + shift}))
        if number == int(sys.argv[1]):
            sys.stdin.readline()
"""


class Terminal:
    """A terminal of 80 × 24 on which the run is shown until an event, and then to its end."""

    def __init__(self, stop_at: int, until: str, **environment: str) -> None:
        """Show the run until `until` stands on the screen."""
        self.received = b""
        self._screen = pyte.Screen(80, 24)
        self._feed = pyte.ByteStream(self._screen)
        self._ours, theirs = pty.openpty()
        clean = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR"}}
        size = {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
        self._shower = subprocess.Popen(
            [sys.executable, "-c", SHOW, str(stop_at)],
            stdin=subprocess.PIPE,
            stderr=theirs,
            cwd=ROOT,
            env={**clean, **size, **environment},
        )
        os.close(theirs)
        while until not in "\n".join(self.lines) and self._read():
            pass

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    def finish(self) -> None:
        """Let the run come to its end."""
        self._shower.communicate(b"\n")
        while self._read():
            pass
        os.close(self._ours)
        assert self._shower.returncode == 0
        assert not self._screen.cursor.hidden

    def _read(self) -> bool:
        ready, _, _ = select.select([self._ours], [], [], 60)
        assert ready, "\n".join(self.lines)
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # how Linux says that nobody has the other end any more
            return False
        self.received += data
        self._feed.feed(data)
        return bool(data)


def under_way() -> int:
    """The place of a report of progress in the middle of experiment 2."""
    events = chat_events()
    return next(
        n for n, e in enumerate(events)
        if isinstance(e, LevelProgress) and e.experiment == 2 and e.index == 1 and e.done == 45
    )  # fmt: skip


def test_a_terminal_shows_results_above_and_the_present_below() -> None:
    terminal = Terminal(under_way(), "45 of 50 requests")
    screen = terminal.lines
    text = "\n".join(screen)
    assert "✓ experiment 0: ok; 4,500 tok/s/GPU (engine defaults)" in screen
    assert "✗ experiment 1: breaks SLO; 1,500 tok/s/GPU; E2E P90 11.6 s" in text
    assert re.search(r"^ +experiment 2: measuring \d+:\d\d  page-size=64", text, re.MULTILINE)
    assert "  level 2 of 2, D(100,100) × 16" in screen
    assert re.search(r"━+.* 45 of 50 requests, 1 failed, 812 tok/s, TTFT 92.1 ms", text)
    assert any(line.startswith("★ best so far: experiment 0, 4,500 tok/s/GPU") for line in screen)
    terminal.finish()
    assert any("finished: the space is exhausted" in line for line in terminal.lines)
    assert not any("best so far" in line or "measuring" in line for line in terminal.lines)


def test_no_color_takes_the_colours_and_leaves_the_symbols() -> None:
    coloured = Terminal(under_way(), "45 of 50 requests")
    coloured.finish()
    plain = Terminal(under_way(), "45 of 50 requests", NO_COLOR="1")
    assert any(line.startswith("✗ experiment 1") for line in plain.lines)
    plain.finish()
    assert re.search(rb"\x1b\[[0-9;]*3[0-9]m", coloured.received)
    assert not re.search(rb"\x1b\[[0-9;]*[34][0-9][0-9;]*m", plain.received)


def test_a_terminal_without_utf8_shows_ascii() -> None:
    terminal = Terminal(under_way(), "45 of 50 requests", PYTHONIOENCODING="ascii")
    assert any(line.startswith("x experiment 1") for line in terminal.lines)
    terminal.finish()
    assert terminal.received.isascii()


def test_a_dumb_terminal_gets_plain_lines() -> None:
    terminal = Terminal(under_way(), "level 2 of 2, D(100,100) × 16: 10 of 50", TERM="dumb")
    terminal.finish()
    assert b"\x1b" not in terminal.received
    assert b"experiment 1: starting: loading weights" in terminal.received
