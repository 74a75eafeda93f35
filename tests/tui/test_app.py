"""What holds whatever screen is shown: runners that die, and leaving while something is done."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.events import RunBegan
from core.machine import identity
from core.store import Store
from tests.tui import runs
from tests.tui.driving import Watched, press, settled, text, until
from tests.tui.real_terminal import APP, RealTerminal


@pytest.fixture
def runner() -> Iterator[subprocess.Popen[bytes]]:
    """A process that can be taken for a runner."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


async def test_a_runner_that_is_killed_is_missed_though_nothing_is_written(
    app: Watched, full_home: Path, runner: subprocess.Popen[bytes]
) -> None:
    who = identity.identify(runner.pid)
    assert who is not None
    async with Store.open(full_home / "autotuner.db") as store:
        task = await store.create_task(runs.RAG, runs.reading(runs.RAG).task, "rag.yaml")
        await store.claim(task.id, who, identity.is_alive)
        await store.record(
            task.id,
            RunBegan(
                at=runs.START, engine="simulated", engine_version="1.0", simulated=True,
                levels=task.task.levels(), space_size=18, planned=18, runner=who,
            ),
        )  # fmt: skip
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot)
        assert "1 running" in text(pilot)
        await press(pilot, "enter")
        assert "gone" not in text(pilot)
        runner.kill()
        runner.wait()
        await until(pilot, lambda: "its runner is gone without a word" in text(pilot))
        await until(pilot, lambda: f"{task.ref}: its runner is gone" in text(pilot))
        await press(pilot, "1")
        assert "! interrupted" in text(pilot)


def test_what_was_copied_just_before_leaving_is_kept(full_home: Path) -> None:
    with RealTerminal(APP, home=full_home, width=120, height=40) as terminal:
        terminal.wait_for("chat#1")
        terminal.keys("G8")
        terminal.wait_for("chat#1 ▸ report", "launch_server")
        terminal.keys("yq")
        assert terminal.end() == 0
        assert b"never awaited" not in terminal.received
        assert terminal.is_whole()
        assert (full_home / "copied.txt").read_text().strip()


async def test_leaving_waits_for_what_was_asked_for_unless_it_is_asked_twice(app: Watched) -> None:
    done = asyncio.Event()

    async def takes_time() -> str:
        await done.wait()
        return "done"

    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.do(takes_time())
        await pilot.press("q")
        await until(pilot, lambda: "is being finished" in text(pilot))
        assert not app._exit
        done.set()
        await until(pilot, lambda: app._exit)

    done.clear()
    again = Watched()
    async with again.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        again.do(takes_time())
        await pilot.press("q", "q")
        await until(pilot, lambda: again._exit)
        assert not done.is_set()


async def test_a_bug_in_what_was_asked_for_ends_the_app_as_itself(app: Watched) -> None:
    async def broken() -> str:
        raise ZeroDivisionError

    async def told() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot)
            app.do(broken())
            await pilot.pause()

    with pytest.raises(ZeroDivisionError):
        await told()
    assert isinstance(app.bug, ZeroDivisionError)
