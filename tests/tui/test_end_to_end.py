"""A first task by keys alone, in a real terminal: made, run, seen, killed, found again, stopped."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.machine import identity
from core.machine.runner_process import stop_runner
from tests.tui.real_terminal import APP, PATIENCE, RealTerminal

RUNNER = re.compile(r"runner PID (\d+)")


def processes_of(home: Path) -> set[int]:
    """Return whoever was started with this home folder, or names it."""
    mark, found = os.fsencode(home), set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            known = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue  # it has just ended, or is somebody else's
        if mark in known:
            found.add(int(process.name))
    return found - {os.getpid()}


@pytest.fixture
def fresh_home(home: Path) -> Iterator[Path]:
    """A home folder without anything, whose processes are ended if the test leaves some."""
    yield home
    for pid in processes_of(home):
        if (who := identity.identify(pid)) is not None:
            stop_runner(who)
    wait_until_gone(home)


def wait_until_gone(home: Path) -> None:
    end = time.monotonic() + PATIENCE
    while left := processes_of(home):
        assert time.monotonic() < end, f"left behind: {left}"
        time.sleep(0.1)


def is_red(colour: str) -> bool:
    """Return whether a colour, as pyte names it, is clearly red: `red`, or `ff4d4d`."""
    if re.fullmatch("[0-9a-f]{6}", colour):
        red, green, blue = bytes.fromhex(colour)
        return red > 2 * max(green, blue)
    return colour in {"red", "brightred"}


def cells_of_slo(terminal: RealTerminal) -> tuple[list[str], list[str]]:
    """Return the colours of the cells of the first SLO's label, and of the dashes of its line."""
    grid, rows = terminal.screen.buffer, terminal.screen.display
    label = next(
        [grid[y][x].fg for x in range(found.start(), found.end())]
        for y, row in enumerate(rows)
        if (found := re.search(r"SLO: [\d.,]+ m?s", row))
    )
    dashes = [
        grid[y][x].fg for y, row in enumerate(rows) for x, cell in enumerate(row) if cell in "╎╌"
    ]
    return label, dashes


def test_a_first_task_from_a_fresh_home_to_the_end_by_keys_alone(fresh_home: Path) -> None:
    with RealTerminal(APP, home=fresh_home, width=120, height=40) as terminal:
        terminal.wait_for("No tasks yet")
        terminal.keys("n")
        terminal.wait_for("can be run", "first-look")
        terminal.keys("r")
        terminal.wait_for("first-look#1", "▶ running", "following")
        terminal.wait_for("◆ 0  ✓ ok")
        terminal.keys("4")
        terminal.wait_for("SLO: 200 ms", "TTFT P90")
        terminal.read(0.5)  # the rest of the frame
        label, dashes = cells_of_slo(terminal)
        assert all(map(is_red, label)), label
        # Where a slow machine's data lie far from the SLO, an arrow stands in the line's place.
        assert len(dashes) > 5 or re.search("← SLO: 200 ms|SLO: 200 ms →", terminal.text), (
            terminal.text
        )
        assert all(map(is_red, dashes)), dashes
        terminal.process.kill()
        assert terminal.process.wait() == -9

    with RealTerminal(APP, home=fresh_home, width=120, height=40) as terminal:
        terminal.wait_for("first-look#1", "▶ running")
        terminal.keys("x")
        terminal.wait_for("Stop first-look#1?", "y stop it")
        said = RUNNER.search(terminal.text)
        assert said is not None
        runner = int(said[1])
        going = processes_of(fresh_home)
        assert {runner, terminal.process.pid} < going, "a runner, with a guardian and a server"
        terminal.keys("y")
        terminal.wait_for("cancelled")
        terminal.keys("q")
        assert terminal.end() == 0
        assert terminal.is_whole()
    wait_until_gone(fresh_home)
