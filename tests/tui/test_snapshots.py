"""Pictures of the screens, compared with those that were looked at and found good.

`pytest tests/tui/test_snapshots.py --snapshot-update` takes them anew; look at each before keeping.
One app walks through all screens of a size and a look: to begin anew for each would take minutes.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from core.verdict.effects import Effect
from tests.tui import machines, runs
from tests.tui.conftest import MakeApp
from tests.tui.driving import Watched, press, settled, text, until
from tui.chart.run_effects import EffectsKnown
from tui.dialogs.dialog import Dialog
from tui.screens.gpus import GpuHistory, GpusView
from tui.screens.processes import ProcessesView

Arrive = Callable[[Pilot[Any]], Awaitable[None]]

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}

LOOKS: dict[str, dict[str, bool]] = {
    "dark": {},
    "light": {"light": True},
    "ascii": {"ascii_only": True},
    "colourless": {"colour": False},
}


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


@pytest.fixture(autouse=True)
def known_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column stays as wide as what it has shown, which is not to be this machine's processes."""
    monkeypatch.setattr("core.machine.census.take", lambda: machines.GROUPS)


async def _tasks(pilot: Pilot[Any]) -> None:
    await _go(pilot, "tasks", runs.RAG_ID)


async def _task(pilot: Pilot[Any]) -> None:
    await _go(pilot, "task", runs.RAG_ID)


async def _compare(pilot: Pilot[Any]) -> None:
    app = _app(pilot)
    app.subject = replace(app.subject, marks=tuple((runs.RAG_ID, n) for n in (0, 3, runs.RAG_BEST)))
    await _go(pilot, "compare", runs.RAG_ID)


def _part(title: str, experiment: int) -> Arrive:
    async def arrive(pilot: Pilot[Any]) -> None:
        _app(pilot)._made("experiment").turn_to(title, 0)  # type: ignore[attr-defined]
        await _go(pilot, "experiment", runs.RAG_ID, experiment)

    return arrive


def _chart(*keys: str) -> Arrive:
    async def arrive(pilot: Pilot[Any]) -> None:
        await _go(pilot, "chart", runs.RAG_ID, runs.RAG_BEST)
        await press(pilot, *keys)

    return arrive


async def _gpus(pilot: Pilot[Any]) -> None:
    await _go(pilot, "gpus", runs.RAG_ID)
    view = pilot.app.screen
    assert isinstance(view, GpusView)
    _app(pilot).ask(())  # nothing but what is shown now
    view.history = GpuHistory()
    for seen in machines.gpus_over_time():
        view.show(seen)


async def _processes(pilot: Pilot[Any]) -> None:
    await _go(pilot, "processes", runs.RAG_ID)
    view = pilot.app.screen
    assert isinstance(view, ProcessesView)
    _app(pilot).ask(())
    view.show(machines.GROUPS)
    view.show_launches(machines.LAUNCHES)
    _app(pilot).ask(())


async def _report(pilot: Pilot[Any]) -> None:
    await _go(pilot, "report", runs.CHAT_ID)


async def _settings(pilot: Pilot[Any]) -> None:
    await _go(pilot, "settings", runs.RAG_ID)


async def _form(pilot: Pilot[Any]) -> None:
    _app(pilot).open_form(None)
    await until(pilot, lambda: "configurations, about" in text(pilot))


async def _log(pilot: Pilot[Any]) -> None:
    await _go(pilot, "log", runs.RAG_ID, 6)
    await press(pilot, "e")
    await until(pilot, lambda: "[2026-01-05 10:00:13] torch" in text(pilot))


def _dialog(arrive: Arrive, key: str) -> Arrive:
    async def asked(pilot: Pilot[Any]) -> None:
        await arrive(pilot)
        await pilot.press(key)

    return asked


def _app(pilot: Pilot[Any]) -> Watched:
    assert isinstance(pilot.app, Watched)
    return pilot.app


async def _go(pilot: Pilot[Any], name: str, task: int, experiment: int | None = None) -> None:
    app = _app(pilot)
    app.go(name, app.subject.at(task, experiment))
    await settled(pilot)


SCREENS: dict[str, Arrive] = {
    "tasks": _tasks,
    "task": _task,
    "verdict": _part("Verdict", 3),
    "chart": _chart("p"),
    "compare": _compare,
    "gpus": _gpus,
    "processes": _processes,
    "report": _report,
    "settings": _settings,
    "form": _form,
    "log": _log,
}
PARTS: dict[str, Arrive] = {
    "levels": _part("Levels", runs.RAG_BEST),
    "courses": _part("Time", runs.RAG_BEST),
    "server": _part("Server", runs.RAG_BEST),
    "course": _chart("tab"),
    "by-value": _chart("tab"),
    "parallel": _chart("tab"),
    "help": _dialog(_tasks, "question_mark"),
    "palette": _dialog(_tasks, "colon"),
    "confirm": _dialog(_tasks, "D"),
    "ask": _dialog(_tasks, "slash"),
}
"""What else there is to see; the charts after one another."""


@pytest.mark.parametrize(
    ("look", "size", "screens"),
    [
        pytest.param(look, size, screens, id=f"{look}-{size}{more}")
        for look, size, screens, more in (
            *(("dark", size, SCREENS, "") for size in SIZES),
            ("dark", "120x40", PARTS, "-parts"),
            ("light", "120x40", SCREENS, ""),
            ("ascii", "80x24", SCREENS, ""),
            ("colourless", "80x24", SCREENS, ""),
        )
    ],
)
async def test_screens(
    make_app: MakeApp,
    snapshot: SnapshotAssertion,
    look: str,
    size: str,
    screens: dict[str, Arrive],
) -> None:
    kept = snapshot.use_extension(SVGImageExtension)
    app = make_app(**LOOKS[look])
    other = []
    async with app.run_test(size=SIZES[size]) as pilot:
        await settled(pilot)
        for name, arrive in screens.items():
            while isinstance(app.screen, Dialog):
                await pilot.press("escape")
            await arrive(pilot)
            await pilot.pause()
            if app.export_screenshot() != kept(name=name):
                other.append(name)
    assert not other, "they look otherwise: --snapshot-update takes them anew, then look at them"
