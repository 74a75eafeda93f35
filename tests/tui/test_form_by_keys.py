"""A task is written by keys alone, checked while it is typed, kept, and started."""

import asyncio
import contextlib
import stat
from pathlib import Path

import pytest

from core.machine import identity
from core.machine.runner_process import stop_runner
from core.store import TaskState, Viewer
from core.task import Choices, Reading
from tests.tui.driving import Watched, press, settled, text, type_in, until
from tui.dialogs.asking import Ask
from tui.form import draft
from tui.form.drafts import draft_path
from tui.screens.form import FormView


@pytest.fixture(autouse=True)
def no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model and no engine but the simulated one, whatever this machine has."""
    for name in ("HF_HUB_CACHE", "MODELS_DIR", "LLAMA_CACHE", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr("tui.form.discovery.model_folders", list)


@pytest.fixture
def empty_app(home: Path) -> Watched:
    """An app over an empty home folder."""
    return Watched()


def form(app: Watched) -> FormView:
    view = app.view
    assert isinstance(view, FormView)
    return view


async def test_the_form_fills_itself_and_tells_what_it_comes_to(empty_app: Watched) -> None:
    async with empty_app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "n")
        await until(pilot, lambda: "8 configurations, about" in text(pilot))
        assert "✓ can be run" in text(pilot)
        assert "base_runtime: simulated" in text(pilot), "the YAML stands beside the form"


async def test_a_second_new_task_fills_itself_as_the_first_did(empty_app: Watched) -> None:
    async with empty_app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        for _ in range(2):
            await press(pilot, "n")
            await until(pilot, lambda: "can be run" in text(pilot))
            await pilot.press("w")
            await until(pilot, lambda: "first-look#" in text(pilot))
        await until(pilot, lambda: "first-look#2" in text(pilot))


async def test_a_value_is_checked_while_it_is_typed(empty_app: Watched) -> None:
    async with empty_app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "n")
        await until(pilot, lambda: "can be run" in text(pilot))
        await pilot.press("a")
        await type_in(pilot, "page-size")
        await pilot.press("enter")
        await until(pilot, lambda: "Values of page-size" in text(pilot))
        await type_in(pilot, "1, x")
        await until(pilot, lambda: "needs a whole number, not 'x'" in text(pilot))
        await pilot.press("enter")
        assert "Values of page-size" in text(pilot), "what is wrong cannot be entered"
        await pilot.press("backspace", "1", "6", "enter")
        await until(pilot, lambda: "page-size: [1, 16]" in text(pilot))
        space = form(empty_app).draft.reading
        assert space is not None
        assert space.task.parameters["page-size"] == Choices(values=(1, 16))
        await until(pilot, lambda: "8 of 16 configurations" in text(pilot))


async def test_the_yaml_is_not_read_at_every_key(
    empty_app: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = draft.parse_task

    def parse(text: str, name: str) -> Reading:
        read.append(text)
        return real(text, name)

    async with empty_app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "n")
        await until(pilot, lambda: "can be run" in text(pilot))
        await pilot.press("tab", "ctrl+end")
        monkeypatch.setattr(draft, "parse_task", parse)
        await pilot.press(*"x" * 8)
        await until(pilot, lambda: bool(read) and "x" * 8 in read[-1])
        assert len(read) < 8
        assert draft_path("new").read_text() == read[-1]


async def test_what_is_typed_into_the_yaml_shows_in_the_form(empty_app: Watched) -> None:
    async with empty_app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "n")
        await until(pilot, lambda: "can be run" in text(pilot))
        await pilot.press("tab", "ctrl+end")
        await type_in(pilot, "timeouts: 3")
        await until(pilot, lambda: "1 to mend" in text(pilot))
        assert "timeouts" in text(pilot)
        await pilot.press(*["backspace"] * len("timeouts: 3"), "escape")
        await until(pilot, lambda: "can be run" in text(pilot))
        assert isinstance(empty_app.view, FormView), "esc leaves the YAML first"


async def test_a_flag_the_engine_lacks_is_told_before_anything_starts(empty_app: Watched) -> None:
    async with empty_app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "n")
        await until(pilot, lambda: "can be run" in text(pilot))
        form(empty_app).change(lambda draft: draft.having(("parameters", "pagesize"), [1, 2]))
        await until(pilot, lambda: "did you mean page-size" in text(pilot))
        await pilot.press("r")
        await until(pilot, lambda: "✗ task:" in text(pilot) or "did you mean" in text(pilot))
        assert isinstance(empty_app.view, FormView)
        async with Viewer() as viewer:
            assert (await viewer.tasks()).total == 0


async def test_a_draft_survives_the_app_and_nobody_else_reads_it(empty_app: Watched) -> None:
    async with empty_app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "n")
        await until(pilot, lambda: "can be run" in text(pilot))
        form(empty_app).change(lambda draft: draft.having(("task_name",), "half-written"))
    assert stat.S_IMODE(draft_path("new").stat().st_mode) == 0o600
    again = Watched()
    async with again.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "n")
        await until(pilot, lambda: "half-written" in text(pilot))
        await pilot.press("U", "y")
        await until(pilot, lambda: "first-look" in text(pilot))
    assert not draft_path("new").exists()


async def test_the_editor_gives_back_what_it_wrote(
    empty_app: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "editor"
    script.write_text('#!/bin/sh\nsed -i s/first-look/edited/ "$1"\n')
    script.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(script))
    async with empty_app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "n")
        await until(pilot, lambda: "can be run" in text(pilot))
        monkeypatch.setattr(empty_app, "suspend", contextlib.nullcontext)
        await pilot.press("e")
        await until(pilot, lambda: "task_name: edited" in text(pilot))


async def test_a_task_is_kept_and_started_and_outlives_the_app(empty_app: Watched) -> None:
    async with empty_app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "n")
        await until(pilot, lambda: "can be run" in text(pilot))
        await pilot.press("r")
        await until(pilot, lambda: "first-look#1" in text(pilot) and "running" in text(pilot))
    async with Viewer() as viewer:
        task = await viewer.find("first-look")
    assert task is not None
    assert task.runner is not None
    assert identity.is_alive(task.runner), "the run goes on without the app"
    stop_runner(task.runner)
    async with Viewer() as viewer:
        for _ in range(600):
            task = await viewer.find("first-look")
            assert task is not None
            if task.state is not TaskState.RUNNING:
                break
            await asyncio.sleep(0.1)
        assert task.state is TaskState.CANCELLED


async def test_what_is_wrong_with_a_text_is_told_to_its_end(empty_app: Watched) -> None:
    wrong = f"'x' is no length of time; {'write a number of ' * 4}minutes, or 90s, or 2m"
    async with empty_app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        empty_app.push_screen(Ask("How long", check=lambda text: wrong if text == "x" else ""))
        await type_in(pilot, "x")
        await until(pilot, lambda: "minutes, or 90s, or 2m" in text(pilot))
        await pilot.press("backspace")
        await until(pilot, lambda: "Enter takes it" in text(pilot))
        assert "90s" not in text(pilot)
