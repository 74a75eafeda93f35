"""However the app ends, the terminal is whole; and it works in terminals that can do little."""

import re
import signal
import sys
from pathlib import Path

import pytest

from tests.tui.real_terminal import APP, RealTerminal

BROKEN = """
import sys
from tui.screens.tasks import TasksView

def heading(self):
    api_key = "sk-verysecretverysecret"
    if self._answer is not None:
        raise RuntimeError("something is broken")
    return ()

TasksView.heading = heading
from core.cli import main
sys.exit(main([]))
"""


def test_quitting_leaves_the_terminal_as_it_was(full_home: Path) -> None:
    with RealTerminal(APP, home=full_home) as terminal:
        terminal.wait_for("chat#1")
        assert not terminal.is_whole(), "or this test proves nothing"
        terminal.keys("q")
        assert terminal.end() == 0
        assert terminal.is_whole()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was(full_home: Path, number: signal.Signals) -> None:
    with RealTerminal(APP, home=full_home) as terminal:
        terminal.wait_for("chat#1")
        terminal.keys("M")  # the mouse is the app's
        terminal.wait_for("M gives it back")
        terminal.process.send_signal(number)
        assert terminal.end() == 128 + number
        assert terminal.is_whole()


def test_a_bug_says_where_its_traceback_is_and_shows_no_secrets(full_home: Path) -> None:
    with RealTerminal((sys.executable, "-c", BROKEN), home=full_home) as terminal:
        assert terminal.end() == 70
        assert terminal.is_whole()
        said = terminal.received[terminal.received.rfind(b"\x1b[?1049l") :].decode()
        assert "this is a bug in autotuner: RuntimeError: something is broken" in said
        assert "sk-verysecret" not in terminal.received.decode(errors="replace")
        assert len(said) < 1000
        [kept] = full_home.glob("bug-*.txt")
        assert "sk-verysecret" not in kept.read_text().replace('api_key = "sk-verysecret', "")


def test_a_lost_line_ends_the_app(full_home: Path) -> None:
    environment_that_ignores_hangups = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    start = f"{environment_that_ignores_hangups}; from core.cli import main; main([])"
    with RealTerminal((sys.executable, "-c", start), home=full_home) as terminal:
        terminal.wait_for("chat#1")
        terminal.close_line()
        assert terminal.process.wait(60) in {129, -signal.SIGHUP}


@pytest.mark.parametrize("term", ["xterm", "screen", "linux", "vt100"])
def test_an_old_terminal_is_sent_nothing_that_it_would_print(full_home: Path, term: str) -> None:
    with RealTerminal(APP, home=full_home, environment={"TERM": term}) as terminal:
        terminal.wait_for("chat#1")
        terminal.keys("q")
        assert terminal.end() == 0
        assert terminal.is_whole()
        assert not re.search(rb"\x1b\[[>=<]|\$p|\x1b\]", terminal.received)


@pytest.mark.parametrize("term", ["vt100", "linux", "dumb"])
def test_simple_terminals_get_nothing_but_ascii(full_home: Path, term: str) -> None:
    with RealTerminal(APP, home=full_home, environment={"TERM": term}) as terminal:
        terminal.wait_for("chat#1", "+ finished")
        terminal.keys("4")
        terminal.wait_for("Nothing is measured yet")
        terminal.keys("q")
        assert terminal.end() == 0
        terminal.received.decode("ascii")
        coloured = re.search(rb"\x1b\[(?:[\d;]*;)?[349][1-6][;m]", terminal.received)
        assert bool(coloured) == (term == "linux")


def test_without_utf_8_there_is_only_ascii(full_home: Path) -> None:
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with RealTerminal(APP, home=full_home, environment=environment) as terminal:
        terminal.wait_for("chat#1", "+ finished")
        terminal.keys("q")
        terminal.end()
        terminal.received.decode("ascii")


def test_without_colours_a_symbol_still_says_it(full_home: Path) -> None:
    with RealTerminal(APP, home=full_home, environment={"NO_COLOR": "1"}) as terminal:
        terminal.wait_for("✓ finished")
        terminal.keys("2")
        terminal.wait_for("No experiment yet")
        terminal.keys("q")
        terminal.end()
        assert not re.search(rb"\x1b\[(?:[\d;]*;)?[34]8;", terminal.received)


def test_nothing_is_sent_while_nothing_happens(full_home: Path) -> None:
    with RealTerminal(APP, home=full_home, width=120, height=40) as terminal:
        terminal.wait_for("chat#1")
        quiet = 0
        for _ in range(60):  # at first there is the rest of the start, which may take its time
            quiet = 0 if terminal.read(1.0) else quiet + 1
            if quiet == 3:
                break
        assert quiet == 3, bytes(terminal.received[-1000:])
