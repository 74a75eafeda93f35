"""Every screen, by its keys, over a store with real histories."""

from pathlib import Path

import pytest

from tests.tui import runs
from tests.tui.driving import Watched, lines, press, settled, text, type_in, until


async def test_the_list_of_tasks_says_where_each_stands(app: Watched) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        shown = text(pilot)
        assert "chat#1" in shown
        assert "✓ finished" in shown
        assert "· new" in shown
        assert "! interrupted" in shown, "a run whose runner died is not called running"
        assert "GPU 0 H100 80GB" in shown
        assert "4 tasks" in shown


async def test_a_filter_leaves_what_contains_a_text(app: Watched) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await pilot.press("slash")
        await type_in(pilot, "draft")
        await press(pilot, "enter")
        await until(pilot, lambda: "chat#1" not in text(pilot))
        assert "draft#1" in text(pilot)
        await pilot.press("slash")
        await type_in(pilot, "nowhere")
        await press(pilot, "enter")
        await until(pilot, lambda: "No task contains" in text(pilot))


async def test_a_task_shows_its_experiments_and_marks_the_best(app: Watched) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.go("task", app.subject.at(runs.RAG_ID))
        await settled(pilot)
        shown = text(pilot)
        assert f"★ {runs.RAG_BEST}" in shown
        assert "◆ 0" in shown
        assert "✗ out of memory" in shown
        assert "★ best: experiment" in shown


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ((), "Score"),
        (("tab",), "load level"),
        (("tab", "tab"), "single requests"),
        (("tab",) * 3, "requests in flight"),
        (("tab",) * 4, "preemptions"),
        (("tab",) * 5, "utilization"),
        (("tab",) * 6, "Launch command"),
        (("shift+tab",), "Launch command"),
        (("shift+tab",), "Asked and in force"),
    ],
)
async def test_an_experiment_part_by_part(app: Watched, keys: tuple[str, ...], said: str) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot)
        app.go("experiment", app.subject.at(runs.RAG_ID, runs.RAG_BEST))
        await settled(pilot)
        await press(pilot, *keys)
        assert said in text(pilot)


async def test_secrets_are_masked_in_the_environment(app: Watched) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot)
        app.go("experiment", app.subject.at(runs.RAG_ID, 1))
        await settled(pilot)
        await press(pilot, "shift+tab")
        assert "HF_TOKEN" in text(pilot)
        assert "***" in text(pilot)
        await press(pilot, "y")
        assert app.copied
        assert 'HF_TOKEN="$HF_TOKEN"' in app.copied[-1]


async def test_why_an_experiment_failed(app: Watched) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot)
        app.go("experiment", app.subject.at(runs.RAG_ID, 6))
        await settled(pilot)
        shown = text(pilot)
        assert "no memory was left for the KV cache" in shown
        assert "torch.OutOfMemoryError" in shown
        assert "try: lower mem-fraction-static" in shown
        await press(pilot, "right_square_bracket")
        assert "experiment 7 of 18" in text(pilot)


async def test_load_levels_are_walked(app: Watched) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot)
        app.go("experiment", app.subject.at(runs.RAG_ID, 3))
        await settled(pilot)
        await press(pilot, "tab", "tab", "tab")
        assert "D(4096,256) × 8" in text(pilot), text(pilot)
        await press(pilot, "greater_than_sign")
        assert "D(4096,256) × 32" in text(pilot)
        await press(pilot, "less_than_sign")
        assert "D(4096,256) × 8" in text(pilot)


async def test_the_other_screens_are_about_the_task_under_the_cursor(app: Watched) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "j", "j", "2")
        assert "rag-long-context#1" in lines(pilot)[0]
        await press(pilot, "1", "j", "8")
        assert "chat#1" in lines(pilot)[0]


async def test_empty_screens_explain_themselves(home: Path) -> None:
    async with Watched().run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "No tasks yet" in text(pilot)
        for key, said in (
            ("2", "No task chosen"),
            ("3", "No experiment chosen"),
            ("4", "No task chosen"),
            ("5", "Nothing is marked"),
        ):
            await press(pilot, key)
            assert said in text(pilot), key


async def test_a_task_that_never_ran_says_which_key_runs_it(app: Watched) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        app.go("task", app.subject.at(runs.DRAFT_ID))
        await settled(pilot)
        assert "No experiment yet" in text(pilot)
        assert "r starts the run" in text(pilot)
        await press(pilot, "4")
        assert "Nothing is measured yet" in text(pilot)


async def test_a_wide_app_and_a_narrow_one_say_the_same_of_the_best(app: Watched) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        app.go("task", app.subject.at(runs.RAG_ID))
        await settled(pilot)
        assert f"★ {runs.RAG_BEST}" in text(pilot)
        await pilot.resize_terminal(200, 60)
        await settled(pilot)
        assert f"★ {runs.RAG_BEST}" in text(pilot)
        await pilot.resize_terminal(50, 12)
        await until(pilot, lambda: "60 × 15" in text(pilot))
        await pilot.resize_terminal(80, 24)
        await settled(pilot)
        assert f"★ {runs.RAG_BEST}" in text(pilot)


async def test_two_experiments_are_marked_and_compared(app: Watched) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot)
        app.go("task", app.subject.at(runs.RAG_ID))
        await settled(pilot)
        await press(pilot, "g", "space", "j", "space", "c")
        shown = text(pilot)
        assert "Compare 2 " in shown
        assert "tp-size" in shown, "a parameter that differs is named"
        assert "model" not in shown, "what is the same is left out"
        assert "▲" in shown
        await press(pilot, "u")
        await until(pilot, lambda: "against the defaults" in text(pilot))


async def test_without_marks_the_best_stands_against_the_defaults(app: Watched) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot)
        app.go("compare", app.subject.at(runs.RAG_ID))
        await settled(pilot)
        assert "against the defaults" in text(pilot)
        assert f"★ {runs.RAG_BEST}" in text(pilot)


async def test_the_palette_finds_screens_and_tasks(app: Watched) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await pilot.press("colon")
        await type_in(pilot, "rag-long-context#1")
        await pilot.press("enter")
        await settled(pilot)
        await until(pilot, lambda: "rag-long-context#1" in text(pilot).splitlines()[0])


async def test_back_goes_where_one_came_from(app: Watched) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await press(pilot, "enter")
        await press(pilot, "escape")
        assert app.view is not None
        assert app.view.NAME == "tasks"
