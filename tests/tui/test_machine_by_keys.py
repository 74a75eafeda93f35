"""GPUs, processes, settings and the report, by their keys."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from core.events import HostDescribed, ModelFiles, RunBegan
from core.machine import identity, procfs
from core.machine.host import describe_host
from core.machine.ownership import VARIABLE, Ownership
from core.machine.simulated_gpus import SimulatedGpus
from core.store import Store
from tests.tui import runs
from tests.tui.driving import Watched, press, settled, text, type_in, until
from tui.screens.processes import ProcessesView
from tui.screens.report import ReportView

SLEEP = "import time; print('up', flush=True); time.sleep(120)"


def started(mark: Ownership | None) -> subprocess.Popen[str]:
    """A process that sleeps, marked as a server's or not."""
    environment = {**os.environ, **({VARIABLE: str(mark)} if mark else {})}
    environment.pop("" if mark else VARIABLE, None)
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEP], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def ended(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[str]]:
    process = started(None)
    yield process
    ended(process)


@pytest.fixture
def server() -> Iterator[subprocess.Popen[str]]:
    """A server of ours, as if this process were its guardian."""
    me = identity.myself()
    mark = Ownership(
        f"{runs.RAG_ID}/{runs.RAG_BEST}",
        me.pid,
        me.start_ticks,
        procfs.pid_namespace(),
        procfs.boot_id(),
    )
    process = started(mark)
    yield process
    ended(process)


async def choose(pilot: Pilot[Any], pid: int) -> None:
    """Put the cursor on a process; others of this machine may stand above it."""
    view = pilot.app.screen
    assert isinstance(view, ProcessesView)
    await press(pilot, "g")
    while view.current is not None and view.current.group.root.identity.pid != pid:
        await press(pilot, "j")


async def test_gpus_are_listed_and_one_is_told_at_length(app: Watched) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "6")
        await until(pilot, lambda: "GPU 0  NVIDIA H100 80GB HBM3" in text(pilot))
        await press(pilot, "j")
        assert "GPU 1  NVIDIA H100 80GB HBM3" in text(pilot)
        assert "simulated" in text(pilot)
        assert "No process has memory on it." in text(pilot)


async def test_boards_of_a_simulation_are_listed_while_a_run_has_them(
    app: Watched, full_home: Path
) -> None:
    app.gpus = SimulatedGpus("none", 0, count=0)
    me = identity.myself()
    boards = SimulatedGpus("NVIDIA GeForce RTX 4090", 24 << 30, count=3)
    host = describe_host(boards, ModelFiles(path="tiny"), "", "")
    async with Store.open(full_home / "autotuner.db") as store:
        await store.claim(runs.DRAFT_ID, me, identity.is_alive)
        began = RunBegan(
            at=runs.START, engine="simulated", engine_version="1", simulated=True,
            levels=(), space_size=2, planned=2, runner=me,
        )  # fmt: skip
        await store.record(runs.DRAFT_ID, began)
        await store.record(runs.DRAFT_ID, HostDescribed(at=runs.START, host=host))
        await store.take_leases(["SIMULATED-1"], me, identity.is_alive)
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot)
            await press(pilot, "6")
            await until(pilot, lambda: "GPU 1  NVIDIA GeForce RTX 4090" in text(pilot))
            assert "0 in this machine, 1 simulated" in text(pilot)
            assert "▶ draft#1" in text(pilot)
            assert "GPU 0" not in text(pilot)
            await store.release_leases(["SIMULATED-1"], me)
            await until(pilot, lambda: "No GPU to show." in text(pilot))


async def test_a_server_of_ours_is_named_by_what_it_serves(
    app: Watched, full_home: Path, server: subprocess.Popen[str]
) -> None:
    runner = identity.identify(os.getppid())
    assert runner is not None
    async with Store.open(full_home / "autotuner.db") as store:
        await store.claim(runs.RAG_ID, runner, lambda _: False)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "7")
        await until(pilot, lambda: f"experiment {runs.RAG_BEST}" in text(pilot))
        assert str(server.pid) in text(pilot)
        assert "▶ server" in text(pilot)
        await choose(pilot, server.pid)
        await press(pilot, "enter")
        await until(pilot, lambda: f"experiment {runs.RAG_BEST} of" in text(pilot))
        assert server.poll() is None


async def test_a_server_of_another_home_is_not_taken_for_one_of_this_home(
    app: Watched, server: subprocess.Popen[str]
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "7")
        await until(pilot, lambda: "of a run kept elsewhere" in text(pilot))
        assert f"experiment {runs.RAG_BEST}" not in text(pilot)
        await choose(pilot, server.pid)
        await press(pilot, "x")
        assert "another AUTOTUNER_HOME" in text(pilot)
        assert server.poll() is None


async def test_a_foreign_process_is_ended_only_when_its_number_is_typed(
    app: Watched, stranger: subprocess.Popen[str]
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "7")
        await pilot.press("K")
        await until(pilot, lambda: "PID of the process to end" in text(pilot))
        await pilot.press(*["backspace"] * 10, *str(stranger.pid), "enter")
        await until(pilot, lambda: f"Type {stranger.pid} to end this process" in text(pilot))
        await pilot.press("enter")
        assert stranger.poll() is None, "nothing happens without the number"
        await pilot.press(*str(stranger.pid), "enter")
        await until(pilot, lambda: stranger.poll() is not None, "the end of the process")


async def test_what_must_not_be_ended_is_refused(app: Watched) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "7")
        for pid in (1, os.getpid(), os.getppid()):
            await pilot.press("K")
            await until(pilot, lambda: "PID of the process to end" in text(pilot))
            await pilot.press(*["backspace"] * 10, *str(pid), "enter")
            await until(pilot, lambda: "✗ not ended" in text(pilot), f"the refusal of {pid}")


async def test_a_setting_is_changed_and_kept(app: Watched, full_home: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("9")
        await until(pilot, lambda: "price of a GPU hour" in text(pilot))
        await pilot.press("G", "enter", *["backspace"] * 5)
        await type_in(pilot, "free")
        await until(pilot, lambda: "a number is needed" in text(pilot))
        await pilot.press(*["backspace"] * 4, "2", ".", "5", "enter")
        await until(pilot, lambda: app.settings.gpu_hour_price == 2.5)
        assert json.loads((full_home / "settings.json").read_text())["gpu_hour_price"] == 2.5
        assert "Where things are kept" in text(pilot)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_report_is_read_copied_and_written(
    app: Watched, tmp_path: Path, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        app.go("report", app.subject.at(runs.RAG_ID))
        await until(pilot, lambda: "What to deploy" in text(pilot))
        await pilot.press("y")
        assert app.copied
        await pilot.press("E")
        await until(pilot, lambda: "Write the report as" in text(pilot))
        await type_in(pilot, "html")
        await pilot.press("enter")
        await until(pilot, lambda: "Write it to" in text(pilot))
        await pilot.press("ctrl+u")
        target = tmp_path / "page.html"
        for character in str(target):
            await pilot.press(character if character.isalnum() else _KEYS.get(character, character))
        await pilot.press("enter")
        await until(pilot, lambda: "written to" in text(pilot), "the file")
        assert isinstance(app.view, ReportView)
        assert "<svg" in target.read_text()


_KEYS = {"/": "slash", ".": "full_stop", "-": "minus", "_": "underscore"}
