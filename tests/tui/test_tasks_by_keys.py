"""What is done to tasks, and what a run under way shows, by keys."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from textual.pilot import Pilot

from core.events import (
    Confirmation,
    Contender,
    ExperimentJudged,
    ExperimentQueued,
    Gain,
    LevelProgress,
    Outcome,
    Phase,
    PhaseBegan,
    RunBegan,
    WinnerConfirmed,
)
from core.machine import identity
from core.store import Store, TaskState, Viewer
from core.task import Configuration
from tests.tui import runs
from tests.tui.driving import Watched, lines, press, settled, text, type_in, until
from tui.screens.compare import CompareView
from tui.screens.form import FormView

QUICKSTART = Path(__file__).parents[2] / "sample_tasks" / "quickstart.yaml"


def refs(pilot: Pilot[None]) -> list[str]:
    """The tasks on the screen, from top to bottom."""
    known = ("chat#1", "rag-long-context#1", "rag-long-context#2", "draft#1")
    rows = [[ref for ref in known if ref in row] for row in lines(pilot)[:14]]
    return [found[0] for found in rows if found]


async def test_tasks_are_sorted_and_turned_round(app: Watched) -> None:
    async with app.run_test(size=(100, 24)) as pilot:
        await settled(pilot)
        newest_first = ["draft#1", "rag-long-context#2", "rag-long-context#1", "chat#1"]
        assert refs(pilot) == newest_first
        await press(pilot, "S")
        await until(pilot, lambda: refs(pilot) == newest_first[::-1])
        await pilot.press("s")
        await type_in(pilot, "name")
        await press(pilot, "enter")
        await until(pilot, lambda: refs(pilot)[:2] == ["chat#1", "draft#1"])


async def test_a_task_is_deleted_only_after_a_yes(app: Watched) -> None:
    async with app.run_test(size=(100, 24)) as pilot:
        await settled(pilot)
        await pilot.press("D")
        await until(pilot, lambda: "Delete draft#1?" in text(pilot))
        await pilot.press("enter")
        await settled(pilot)
        assert "draft#1" in refs(pilot), "Enter is no yes"
        await pilot.press("D", "y")
        await until(pilot, lambda: "draft#1" not in refs(pilot))
    async with Viewer() as viewer:
        assert (await viewer.tasks()).total == 3


async def test_a_task_is_exported_and_taken_in_again(
    app: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "kept.yaml"
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("E")
        await type_in(pilot, "yaml")
        await pilot.press("enter")
        await until(pilot, lambda: "Write it to" in text(pilot))
        await pilot.press("home", "ctrl+k")
        await type_in(pilot, target.name)
        await pilot.press("enter")
        await until(pilot, lambda: target.exists() and target.stat().st_size > 0)
        await pilot.press("I")
        await type_in(pilot, "nowhere.yaml")
        await until(pilot, lambda: "✗ there is no such file" in text(pilot))
        await pilot.press("escape")
        await pilot.press("I")
        await type_in(pilot, "..")
        await until(pilot, lambda: "✗ there is no such file" in text(pilot), "a folder is none")
        await pilot.press("escape")
        await pilot.press("I")
        await type_in(pilot, target.name)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.view, FormView))
        await until(pilot, lambda: "page-size" in text(pilot))


async def test_a_copy_of_a_task_opens_in_the_form(app: Watched) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "d")
        await until(pilot, lambda: "Copy of draft#1" in text(pilot))


async def test_themes_follow_one_another_and_are_kept(app: Watched, full_home: Path) -> None:
    async with app.run_test(size=(100, 24)) as pilot:
        await settled(pilot)
        before = app.theme
        await press(pilot, "T")
        assert app.theme != before
        assert f"theme: {app.theme}" in text(pilot)
        assert app.theme in (full_home / "settings.json").read_text()


async def test_the_mouse_is_given_and_taken_back(app: Watched) -> None:
    async with app.run_test(size=(100, 24)) as pilot:
        await settled(pilot)
        assert not app.settings.mouse, "the terminal's own selection works from the start"
        await press(pilot, "M")
        assert app.settings.mouse
        await press(pilot, "M")
        assert not app.settings.mouse


async def test_experiments_are_sorted_turned_round_and_given_the_width(app: Watched) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.go("task", app.subject.at(runs.RAG_ID))
        await settled(pilot)
        assert "the defaults" in text(pilot), "the panel is beside the table"
        await pilot.press("s")
        await type_in(pilot, "rank")
        await press(pilot, "enter")
        await until(pilot, lambda: f"★ {runs.RAG_BEST}" in lines(pilot)[3])
        await press(pilot, "S")
        await until(pilot, lambda: "out of memory" in lines(pilot)[3])
        await press(pilot, "z")
        await until(pilot, lambda: "the defaults" not in "\n".join(lines(pilot)[:10]))
        assert "why" in text(pilot), "there is room for more columns"


async def test_an_experiment_of_another_task_is_compared(app: Watched) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.go("compare", app.subject.at(runs.RAG_ID))
        await settled(pilot)
        await pilot.press("a")
        await until(pilot, lambda: "Of which task?" in text(pilot))
        await type_in(pilot, "chat")
        await pilot.press("enter")
        await until(pilot, lambda: "Which experiment?" in text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "Compare 3" in text(pilot))
        assert isinstance(app.view, CompareView)
        assert "chat#1" in text(pilot)
        await press(pilot, "l", "l", "x")
        await until(pilot, lambda: "Compare 2" in text(pilot))


async def test_a_proved_gain_stands_with_its_interval_and_what_was_measured_anew(
    app: Watched, full_home: Path
) -> None:
    gain = Gain(share=0.25, low=0.2, high=0.3, probability=0.99, noise=0.01, repeats=3, control=3)
    chosen = Contender(
        experiment=runs.RAG_BEST,
        configuration=Configuration(),
        runs=(),
        value=3400.0,
        feasible=True,
        gain=gain,
    )
    proved = Confirmation(
        status="better",
        reason="3 against 3",
        winner=runs.RAG_BEST,
        contenders=(chosen,),
        defaults=chosen.model_copy(update={"experiment": 0, "value": 2720.0, "gain": None}),
    )
    async with Store.open(full_home / "autotuner.db") as store:
        await store.record(runs.RAG_ID, WinnerConfirmed(at=runs.START, confirmation=proved))
    async with app.run_test(size=(200, 40)) as pilot:
        await settled(pilot)
        [row] = [row for row in lines(pilot) if "rag-long-context#1" in row and "19" in row]
        assert "+25.0 %" in row
        assert "[+20, +30]" in row
        assert " 3,400 tok" in row
        app.go("task", app.subject.at(runs.RAG_ID))
        await until(pilot, lambda: f"★ experiment {runs.RAG_BEST}  3,400 tok" in text(pilot))
        assert "◆ the defaults  2,720 tok" in text(pilot)


async def test_why_nothing_is_proved_is_told_in_the_words_of_the_columns(
    app: Watched, full_home: Path
) -> None:
    reason = "the defaults are no alternative: ttft_p90 of 0.4 s is over 0.2 s"
    alone = Confirmation(status="alone", reason=reason, winner=runs.RAG_BEST)
    async with Store.open(full_home / "autotuner.db") as store:
        await store.record(runs.RAG_ID, WinnerConfirmed(at=runs.START, confirmation=alone))
    async with app.run_test(size=(200, 50)) as pilot:
        await settled(pilot)
        app.go("task", app.subject.at(runs.RAG_ID))
        await until(pilot, lambda: "alone: the defaults" in text(pilot))
        await until(pilot, lambda: "alone: experiment" in text(pilot))
        assert text(pilot).count("TTFT P90 of 0.4 s") == 2
        assert "ttft_p90" not in text(pilot)


async def test_each_experiment_under_way_has_its_own_figures(app: Watched, full_home: Path) -> None:
    me = identity.myself()
    task = runs.reading(runs.RAG).task
    async with Store.open(full_home / "autotuner.db") as store:
        await store.claim(runs.DRAFT_ID, me, identity.is_alive)
        await store.record(
            runs.DRAFT_ID,
            RunBegan(
                at=runs.START, engine="simulated", engine_version="1", simulated=True,
                levels=task.levels(), space_size=2, planned=2, runner=me,
            ),
        )  # fmt: skip
        for number in (0, 1):
            await store.record(
                runs.DRAFT_ID,
                ExperimentQueued(
                    at=runs.START, experiment=number, configuration=Configuration(),
                    origin="search", reason="",
                ),
                PhaseBegan(at=runs.START, experiment=number, phase=Phase.STARTING),
                PhaseBegan(at=runs.START, experiment=number, phase=Phase.WARMING),
                PhaseBegan(at=runs.START, experiment=number, phase=Phase.MEASURING),
            )  # fmt: skip
        for number, rate in ((0, 1111.0), (1, 2222.0), (0, 1333.0)):
            await store.record(
                runs.DRAFT_ID,
                LevelProgress(
                    at=runs.START, experiment=number, index=0, phase=Phase.MEASURING, elapsed=3,
                    done=5, planned=10, failed=0, output_throughput=rate, ttft=0.2,
                ),
            )  # fmt: skip
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot)
            app.go("task", app.subject.at(runs.DRAFT_ID))
            await settled(pilot)
            await until(pilot, lambda: "1,333" in text(pilot) and "2,222" in text(pilot))
            assert "1,111" not in text(pilot)


async def test_a_store_of_an_older_version_is_brought_up_to_date(
    app: Watched, full_home: Path
) -> None:
    with closing(sqlite3.connect(full_home / "autotuner.db")) as connection:
        connection.execute("DROP INDEX event_confirmed")
        connection.execute("PRAGMA user_version = 1")
    async with app.run_test(size=(100, 24)) as pilot:
        await settled(pilot)
        await until(pilot, lambda: "chat#1" in text(pilot))
        assert not app.trouble


@pytest.mark.parametrize(
    ("key", "said"), [("t", "requests in flight"), ("s", "preemptions"), ("d", "utilization")]
)
async def test_a_point_of_the_chart_leads_to_its_courses(app: Watched, key: str, said: str) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot)
        app.go("chart", app.subject.at(runs.RAG_ID))
        await settled(pilot)
        await press(pilot, key)
        await until(pilot, lambda: said in text(pilot))
        assert f"experiment {runs.RAG_BEST} of" in lines(pilot)[0]
        await press(pilot, "escape")
        assert app.view is not None
        assert app.view.NAME == "chart"


async def test_proved_effects_stand_below_the_values(app: Watched) -> None:
    async with app.run_test(size=(120, 45)) as pilot:
        await settled(pilot)
        app.go("chart", app.subject.at(runs.RAG_ID))
        await press(pilot, "tab", "tab")
        await until(pilot, lambda: "What single flags do" in text(pilot))
        await until(pilot, lambda: "schedule-policy lpm → fcfs" in text(pilot))


async def test_a_run_is_started_and_stopped(home: Path) -> None:
    found = runs.reading(QUICKSTART.read_text())
    async with Store.open(home / "autotuner.db") as store:
        task = await store.create_task(found.text, found.task, "quickstart.yaml")
    app = Watched()
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        await pilot.press("r")
        await until(pilot, lambda: "▶ running" in text(pilot), "the start")
        await until(pilot, lambda: bool(app.running))
        runner = app.running[0].runner
        await pilot.press("x")
        await until(pilot, lambda: "Stop quickstart#1?" in text(pilot))
        await pilot.press("y")
        assert runner is not None
        await until(pilot, lambda: not identity.is_alive(runner), "the end")
        await until(pilot, lambda: "cancelled" in text(pilot))
    async with Viewer() as viewer:
        now = await viewer.find(f"#{task.id}")
    assert now is not None
    assert now.state is TaskState.CANCELLED


async def test_a_key_pressed_before_the_list_is_there_is_not_lost(app: Watched) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.view, FormView), "the form")


async def test_a_run_that_was_stopped_at_once_broke_no_slo(app: Watched, full_home: Path) -> None:
    async with Store.open(full_home / "autotuner.db") as store:
        task = await store.create_task(runs.RAG, runs.reading(runs.RAG).task, "rag.yaml")
        await store.record(
            task.id,
            ExperimentQueued(
                at=runs.START, experiment=0, configuration=Configuration(), origin="baseline"
            ),
            ExperimentJudged(at=runs.START + 1, experiment=0, outcome=Outcome.CANCELLED),
        )
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        row, *_ = [row for row in lines(pilot) if f"{task.ref} " in row]
        assert "broken" not in row
