"""Pictures of the screens, compared with those that were looked at and found good.

`pytest tests/tui/test_snapshots.py --snapshot-update` takes them anew; look at each before keeping.
"""

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from core.verdict.effects import Effect
from tests.tui import runs
from tests.tui.conftest import MakeApp
from tests.tui.driving import Watched, press, settled
from tui.chart.run_effects import EffectsKnown

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
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", ["tasks", "task", "verdict", "chart", "compare"])
def test_a_screen(make_app: MakeApp, snap_compare: SnapCompare, screen: str, size: str) -> None:
    assert _looks_as_before(make_app(), snap_compare, screen, size)


@pytest.mark.parametrize("screen", ["levels", "courses", "server", "by-value", "parallel"])
def test_a_part(make_app: MakeApp, snap_compare: SnapCompare, screen: str) -> None:
    assert _looks_as_before(make_app(), snap_compare, screen, "120x40")


@pytest.mark.parametrize("screen", ["task"])
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
