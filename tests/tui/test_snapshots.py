"""Pictures of the screens, compared with those that were looked at and found good.

`pytest tests/tui/test_snapshots.py --snapshot-update` takes them anew; look at each before keeping.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from core.verdict.effects import Effect
from tests.tui import machines, runs
from tests.tui.conftest import MakeApp
from tests.tui.driving import Watched, press, settled, text, until
from tui.chart.run_effects import EffectsKnown
from tui.screens.gpus import GpuHistory, GpusView
from tui.screens.processes import ProcessesView

SnapCompare = Callable[..., bool]

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}


PROVED = Effect(
    flag="schedule-policy",
    value="lpm",
    other="fcfs",
    metric="total_throughput_per_gpu",
    change=-0.13,
    low=-0.15,
    high=-0.11,
    basis="fresh",
    pairs=3,
)


@pytest.fixture(autouse=True)
def the_same_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No models and engines but those of every machine, and a log and folders of one place."""
    log = tmp_path / "6.log"
    log.write_text(machines.LOG)
    monkeypatch.setattr("tui.screens.log.Path", lambda _: log)
    monkeypatch.setattr("tui.screens.settings.home", lambda: Path("/home/me/autotuner"))
    monkeypatch.setattr("tui.screens.settings.database", lambda: Path("/home/me/autotuner/db"))
    monkeypatch.setattr("tui.form.discovery.model_folders", list)
    monkeypatch.setattr(
        "tui.form.discovery._where", lambda name: "built in" if name == "simulated" else ""
    )


@pytest.fixture(autouse=True)
def no_fitted_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a model is fitted to differs in the last digit from machine to machine."""

    async def known(*_: object) -> EffectsKnown:
        return EffectsKnown((PROVED,))

    monkeypatch.setattr("tui.chart.run_effects._work_out", known)


async def _tasks(_: Pilot[Any]) -> None:
    return None


async def _task(pilot: Pilot[Any]) -> None:
    await _go(pilot, "task", runs.RAG_ID)


async def _verdict(pilot: Pilot[Any]) -> None:
    await _go(pilot, "experiment", runs.RAG_ID, 3)


async def _levels(pilot: Pilot[Any]) -> None:
    await _go(pilot, "experiment", runs.RAG_ID, runs.RAG_BEST)
    await press(pilot, "tab")


async def _courses(pilot: Pilot[Any]) -> None:
    await _go(pilot, "experiment", runs.RAG_ID, runs.RAG_BEST)
    await press(pilot, "tab", "tab", "tab")


async def _server(pilot: Pilot[Any]) -> None:
    await _go(pilot, "chart", runs.RAG_ID)
    await press(pilot, "s")


async def _chart(pilot: Pilot[Any]) -> None:
    await _go(pilot, "chart", runs.RAG_ID)
    await press(pilot, "p")


async def _parallel(pilot: Pilot[Any]) -> None:
    await _go(pilot, "chart", runs.RAG_ID)
    await press(pilot, "tab", "tab", "tab")


async def _by_value(pilot: Pilot[Any]) -> None:
    await _go(pilot, "chart", runs.RAG_ID)
    await press(pilot, "tab", "tab")


async def _compare(pilot: Pilot[Any]) -> None:
    await _go(pilot, "task", runs.RAG_ID)
    await press(pilot, "g", "space", "j", "j", "j", "space", "j", "space", "c")


async def _gpus(pilot: Pilot[Any]) -> None:
    await press(pilot, "6")
    view = pilot.app.screen
    assert isinstance(view, GpusView)
    pilot.app.ask(())  # type: ignore[attr-defined]  # nothing but what is shown now
    view.history = GpuHistory()
    for seen in machines.gpus_over_time():
        view.show(seen)


async def _processes(pilot: Pilot[Any]) -> None:
    await press(pilot, "7")
    view = pilot.app.screen
    assert isinstance(view, ProcessesView)
    pilot.app.ask(())  # type: ignore[attr-defined]
    view.show(machines.GROUPS)
    view.show_launches(machines.LAUNCHES)
    pilot.app.ask(())  # type: ignore[attr-defined]


async def _report(pilot: Pilot[Any]) -> None:
    await _go(pilot, "report", runs.CHAT_ID)


async def _settings(pilot: Pilot[Any]) -> None:
    await press(pilot, "9")


async def _form(pilot: Pilot[Any]) -> None:
    await press(pilot, "n")
    await until(pilot, lambda: "configurations, about" in text(pilot))


async def _log(pilot: Pilot[Any]) -> None:
    await _go(pilot, "log", runs.RAG_ID, 6)
    await press(pilot, "e")
    await until(pilot, lambda: "▸[2026-01-05 10:00:13] torch" in text(pilot))


async def _help(pilot: Pilot[Any]) -> None:
    await press(pilot, "1")
    await pilot.press("question_mark")


async def _go(pilot: Pilot[Any], name: str, task: int, experiment: int | None = None) -> None:
    app = pilot.app
    assert isinstance(app, Watched)
    app.go(name, app.subject.at(task, experiment))
    await settled(pilot)


SCREENS = {
    "tasks": _tasks,
    "task": _task,
    "verdict": _verdict,
    "levels": _levels,
    "courses": _courses,
    "server": _server,
    "chart": _chart,
    "by-value": _by_value,
    "parallel": _parallel,
    "compare": _compare,
    "gpus": _gpus,
    "processes": _processes,
    "report": _report,
    "settings": _settings,
    "form": _form,
    "log": _log,
    "help": _help,
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", ["tasks", "task", "verdict", "chart", "compare"])
def test_a_screen(make_app: MakeApp, snap_compare: SnapCompare, screen: str, size: str) -> None:
    assert _looks_as_before(make_app(), snap_compare, screen, size)


@pytest.mark.parametrize("screen", ["levels", "courses", "server", "by-value", "parallel"])
def test_a_part(make_app: MakeApp, snap_compare: SnapCompare, screen: str) -> None:
    assert _looks_as_before(make_app(), snap_compare, screen, "120x40")


@pytest.mark.parametrize("screen", ["gpus", "processes", "form", "help"])
def test_another_screen(make_app: MakeApp, snap_compare: SnapCompare, screen: str) -> None:
    assert _looks_as_before(make_app(), snap_compare, screen, "120x40")


@pytest.mark.parametrize("screen", ["gpus", "processes", "report", "settings", "form", "log"])
def test_another_screen_in_little_room(
    make_app: MakeApp, snap_compare: SnapCompare, screen: str
) -> None:
    assert _looks_as_before(make_app(), snap_compare, screen, "80x24")


@pytest.mark.parametrize("screen", ["task", "form"])
def test_light(make_app: MakeApp, snap_compare: SnapCompare, screen: str) -> None:
    assert _looks_as_before(make_app(light=True), snap_compare, screen, "120x40")


@pytest.mark.parametrize("screen", ["task", "chart"])
def test_ascii(make_app: MakeApp, snap_compare: SnapCompare, screen: str) -> None:
    assert _looks_as_before(make_app(ascii_only=True), snap_compare, screen, "80x24")


@pytest.mark.parametrize("screen", ["chart"])
def test_without_colours(make_app: MakeApp, snap_compare: SnapCompare, screen: str) -> None:
    assert _looks_as_before(make_app(colour=False), snap_compare, screen, "80x24")


def _looks_as_before(app: Watched, snap_compare: SnapCompare, screen: str, size: str) -> bool:
    async def arrive(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        await SCREENS[screen](pilot)
        await settled(pilot)

    return snap_compare(app, terminal_size=SIZES[size], run_before=arrive)
