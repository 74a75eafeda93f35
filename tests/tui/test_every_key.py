"""Every key that `?` lists, pressed on its screen: each has the effect that is written here."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from textual.pilot import Pilot

from tests.tui import machines, runs
from tests.tui.driving import Watched, settled, text, until
from tui.chart.wishes import presets
from tui.dialogs.dialog import Dialog
from tui.form.drafts import NEW, forget_draft
from tui.keymap import KEYS, Scope, textual_name
from tui.screens.chart import ChartView
from tui.screens.compare import CompareView
from tui.screens.experiment import ExperimentView
from tui.screens.form import FormView
from tui.screens.log import LogView
from tui.screens.processes import ProcessesView
from tui.screens.report import ReportView
from tui.screens.task import TaskView
from tui.screens.tasks import TasksView

V = TypeVar("V")


@dataclass(frozen=True)
class Effect:
    """What comes of a key: a text, a screen, or at least another picture than before."""

    shows: str = ""
    screen: str = ""
    after: tuple[str, ...] = ()
    """Keys that are pressed before it."""


def shows(what: str, *after: str) -> Effect:
    return Effect(shows=what, after=after)


def changes(*after: str) -> Effect:
    return Effect(after=after)


def goes_to(screen: str) -> Effect:
    return Effect(screen=screen)


EFFECTS: Mapping[Scope, Mapping[str, Effect]] = {
    Scope.EVERYWHERE: {
        "help": shows("esc closes"),
        "palette": shows("type to narrow down"),
        "back": goes_to("settings"),
        "leave": shows("it has left"),
        "jump('tasks')": goes_to("tasks"),
        "jump('task')": goes_to("task"),
        "jump('experiment')": goes_to("experiment"),
        "jump('chart')": goes_to("chart"),
        "jump('compare')": goes_to("compare"),
        "jump('gpus')": goes_to("gpus"),
        "jump('processes')": goes_to("processes"),
        "jump('report')": goes_to("report"),
        "jump('settings')": goes_to("settings"),
        "next_theme": shows("theme: "),
        "mouse": shows("the mouse is the "),
    },
    Scope.LIST: {
        **{f"{way}": changes() for way in ("up", "down", "page_up", "page_down", "top", "bottom")},
        "left": changes("l"),
        "right": changes(),
        "open": shows("experiment 9 of 18"),
    },
    Scope.PAGE: {way: changes() for way in ("up", "down", "page_up", "page_down", "top", "bottom")},
    Scope.TASKS: {
        "new": shows("New task"),
        "run": shows("is started"),
        "stop": shows("is not running"),
        "edit": shows("another version"),
        "filter": shows("Show tasks that contain"),
        "sort": shows("Sort tasks by"),
        "reverse": changes(),
        "duplicate": shows("Copy of rag-long-context#1"),
        "verifications": shows("runs of verify are"),
        "delete": shows("Delete rag-long-context#1?"),
        "export": shows("Export as"),
        "import_file": shows("Task file to open"),
    },
    Scope.TASK: {
        "follow": shows("following the newest"),
        "mark": shows("1 marked"),
        "sort": shows("Sort experiments by"),
        "reverse": changes(),
        "log": goes_to("log"),
        "stop": shows("is not running"),
        "run": shows("is started"),
        "edit": shows("another version"),
        "copy": shows("launch command"),
        "zoom": changes(),
        "export": shows("Export as"),
    },
    Scope.EXPERIMENT: {
        "section(1)": shows("preemptions"),
        "section(-1)": shows("single requests"),
        "step(1)": shows("experiment 13 of 18"),
        "step(-1)": shows("experiment 11 of 18"),
        "level(1)": shows("level 2 of 2"),
        "level(-1)": shows("level 1 of 2", ">"),
        "latency": shows("single requests"),
        "log": goes_to("log"),
        "copy": shows("launch command"),
        "mark": shows("1 marked"),
    },
    Scope.LOG: {
        "follow": changes(),
        "search": shows("Search for"),
        "next_match": changes("/", "r", "e", "q", "Enter"),
        "previous_match": changes("/", "r", "e", "q", "Enter"),
        "first_error": shows("▸[2026-01-05 10:00:13] torch"),
        "source": shows("log of the runner"),
        "wrap": changes(),
        "copy": shows("line"),
    },
    Scope.CHART: {
        **{f"walk('{way}')": changes() for way in ("left", "right", "up", "down")},
        "open": shows("experiment 12 of 18"),
        "axis('x')": shows("What runs from left to right"),
        "axis('y')": shows("What runs from bottom to top"),
        "colour": shows("Colour and shape by"),
        "preset(1)": changes(),
        "preset(-1)": changes(),
        "unit": shows("a point a load level"),
        "kind": shows("course of the run"),
        "pareto": shows("Pareto front"),
        "log_scale": shows("log scale"),
        "part('Time')": shows("requests in flight"),
        "part('Server')": shows("preemptions"),
        "part('GPUs')": shows("utilization"),
        "save": shows("Save the chart as"),
    },
    Scope.COMPARE: {
        "add": shows("Of which task?"),
        "remove": shows("Compare 2"),
        "shift(1)": changes(),
        "shift(-1)": changes("l"),
        "open": shows("experiment 0 of 18"),
        "level(1)": changes(),
        "level(-1)": changes(),
        "first": changes("l"),
        "clear": shows("Space marks others"),
        "copy": shows("launch command"),
    },
    Scope.FORM: {
        "change": shows("Enter takes it"),
        "run": shows("is started"),
        "keep": shows("is kept"),
        "add": shows("Flag to tune"),
        "remove": changes("j", "j", "j", "j"),
        "preset": shows("what it adds shows in the plan"),
        "editor": shows("edited"),
        "yaml": shows("task_name:"),
        "start_over": shows("Forget what is written here?"),
    },
    Scope.PROCESSES: {
        "stop": shows("Stop rag-long-context#2?"),
        "end_pid": shows("PID of the process to end"),
        "log": goes_to("log"),
    },
    Scope.REPORT: {"copy": shows("launch command"), "export": shows("Write the report as")},
    Scope.SETTINGS: {"change": shows("type to narrow down")},
}
"""By scope and action."""


@pytest.mark.parametrize("scope", list(Scope))
def test_every_key_has_an_effect_here(scope: Scope) -> None:
    listed = {key.action for key in KEYS[scope] if key.keys}
    assert listed == set(EFFECTS.get(scope, {}))


# Where each scope's keys are pressed, always in the same state


async def _tasks(pilot: Pilot[Any]) -> None:
    app = _app(pilot)
    app.go("tasks", app.subject.at(runs.RAG_ID))
    view = await _shown(pilot, TasksView)
    view._table.select(next(at for at in range(9) if _ref_at(view, at) == "rag-long-context#1"))


def _ref_at(view: TasksView, index: int) -> str:
    row = view._table._window.row(index)
    return row.task.ref if row is not None else ""


async def _task(pilot: Pilot[Any]) -> None:
    app = _app(pilot)
    app.subject = app.subject.unmarked()
    app.go("task", app.subject.at(runs.RAG_ID))
    view = await _shown(pilot, TaskView)
    view._zoomed = False
    view._table._skip = 0
    view._lay_out()
    view._table.select(9)


async def _experiment(pilot: Pilot[Any]) -> None:
    app = _app(pilot)
    app._made("experiment").turn_to("Time", 0)  # type: ignore[attr-defined]
    app.go("experiment", app.subject.unmarked().at(runs.RAG_ID, runs.RAG_BEST))
    await _shown(pilot, ExperimentView)


async def _verdict(pilot: Pilot[Any]) -> None:
    app = _app(pilot)
    app._made("experiment").turn_to("Verdict", 0)  # type: ignore[attr-defined]
    app.go("experiment", app.subject.at(runs.RAG_ID, 3))
    view = await _shown(pilot, ExperimentView)
    view._page._top = 4
    view._page.redraw()


async def _log(pilot: Pilot[Any]) -> None:
    app = _app(pilot)
    app.go("log", app.subject.at(runs.RAG_ID, 6))
    view = await _shown(pilot, LogView)
    view._text, view._of_runner, view._path = "", False, None
    view.ask()


async def _chart(pilot: Pilot[Any]) -> None:
    app = _app(pilot)
    app.go("chart", app.subject.at(runs.RAG_ID, runs.RAG_BEST))
    view = await _shown(pilot, ChartView)
    view._kind, view._wish = 0, presets(runs.reading(runs.RAG).task)[0]
    view._point_at(runs.RAG_BEST)
    view._lay_out()
    view._redraw()


async def _compare(pilot: Pilot[Any]) -> None:
    app = _app(pilot)
    marks = tuple((runs.RAG_ID, number) for number in (0, 3, 12))
    app.go("compare", replace(app.subject, marks=marks))
    view = await _shown(pilot, CompareView)
    for _ in marks:
        view.action_shift(-1)
    while "over all load levels" not in _heading(view):
        view.action_level(1)


def _heading(view: CompareView) -> str:
    return "".join(span.text for span in view.heading())


async def _form(pilot: Pilot[Any]) -> None:
    app = _app(pilot)
    forget_draft(NEW.name)
    app.open_form(None)
    view = await _shown(pilot, FormView)
    view._table.select(0)


async def _processes(pilot: Pilot[Any]) -> None:
    app = _app(pilot)
    app.go("processes")
    view = await _shown(pilot, ProcessesView)
    app.ask(())
    view.show(machines.GROUPS)
    view.show_launches(machines.LAUNCHES)
    app.ask(())
    view._table.select(0)


async def _report(pilot: Pilot[Any]) -> None:
    app = _app(pilot)
    app.go("report", app.subject.at(runs.CHAT_ID))
    await _shown(pilot, ReportView)


async def _settings(pilot: Pilot[Any]) -> None:
    app = _app(pilot)
    app.go("settings")


Begin = Callable[[Pilot[Any]], Awaitable[None]]

PLACES: Mapping[Scope, tuple[Begin, tuple[int, int]]] = {
    Scope.LIST: (_task, (80, 24)),
    Scope.PAGE: (_verdict, (80, 24)),
    Scope.TASKS: (_tasks, (120, 40)),
    Scope.TASK: (_task, (120, 40)),
    Scope.EXPERIMENT: (_experiment, (120, 40)),
    Scope.LOG: (_log, (80, 24)),
    Scope.CHART: (_chart, (120, 40)),
    Scope.COMPARE: (_compare, (120, 40)),
    Scope.FORM: (_form, (80, 24)),
    Scope.PROCESSES: (_processes, (120, 40)),
    Scope.REPORT: (_report, (120, 40)),
    Scope.SETTINGS: (_settings, (80, 24)),
}


@pytest.fixture(autouse=True)
def nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are asked for, but no runner comes; the log and the editor are of this test."""
    log = tmp_path / "6.log"
    log.write_text(machines.LOG)
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i s/first-look/edited/ "$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    monkeypatch.setattr("tui.screens.log.Path", lambda _: log)
    monkeypatch.setattr("tui.commands.start_runner", lambda *_: "PID 1")
    monkeypatch.setattr("tui.form.discovery.model_folders", list)
    monkeypatch.setattr(
        "tui.form.discovery._where", lambda name: "built in" if name == "simulated" else ""
    )


@pytest.mark.parametrize("scope", PLACES, ids=str)
async def test_every_key_of_a_screen(
    app: Watched, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, size = PLACES[scope]
    monkeypatch.setattr(app, "suspend", contextlib.nullcontext)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        for key in KEYS[scope]:
            for name in key.keys:
                await _begin(pilot, begin)
                await _has(pilot, name, EFFECTS[scope][key.action])


@pytest.mark.parametrize("scope", [Scope.TASKS, Scope.CHART], ids=str)
async def test_every_key_that_works_everywhere(
    app: Watched, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, size = PLACES[scope]
    monkeypatch.setattr(app, "exit", lambda *_: app.say("it has left"))
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        for key in KEYS[Scope.EVERYWHERE]:
            for name in key.keys:
                await _begin(pilot, begin)
                app._trail = ["settings"]
                await _has(pilot, name, EFFECTS[Scope.EVERYWHERE][key.action])


async def _begin(pilot: Pilot[Any], begin: Begin) -> None:
    app = _app(pilot)
    while isinstance(app.screen, Dialog):
        await pilot.press("escape")
        await pilot.pause()
    await begin(pilot)
    await settled(pilot)
    if app.view is not None:
        app.view.hints.say(())
    await pilot.pause()


async def _has(pilot: Pilot[Any], key: str, effect: Effect) -> None:
    """Press a key and wait for what it has to bring about."""
    app = _app(pilot)
    for before in effect.after:
        await pilot.press(textual_name(before))
        await settled(pilot)
    picture = text(pilot)
    assert not effect.shows or effect.shows not in picture, f"{key}: it is there already"
    await pilot.press(textual_name(key))

    def has_come() -> bool:
        if effect.screen:
            return app.view is not None and effect.screen == app.view.NAME
        return effect.shows in text(pilot) if effect.shows else text(pilot) != picture

    await until(pilot, has_come, f"{key}: {effect}")


def _app(pilot: Pilot[Any]) -> Watched:
    assert isinstance(pilot.app, Watched)
    return pilot.app


async def _shown(pilot: Pilot[Any], kind: type[V]) -> V:
    """Wait until the screen has what it asked for, and return it."""
    await settled(pilot)
    view = pilot.app.screen
    assert isinstance(view, kind)
    return view
