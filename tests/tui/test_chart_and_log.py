"""The chart's keys and lines, and the log however long it is."""

import sqlite3
from pathlib import Path

import pytest

from tests.tui import runs
from tests.tui.driving import Watched, lines, press, settled, text, type_in, until
from tui.screens.chart import ChartView
from tui.subject import Subject


async def _chart(app: Watched, pilot: object) -> ChartView:
    await settled(pilot)  # type: ignore[arg-type]
    app.go("chart", app.subject.at(runs.RAG_ID))
    await settled(pilot)  # type: ignore[arg-type]
    assert isinstance(app.view, ChartView)
    return app.view


async def test_an_slo_on_x_is_a_vertical_line_with_its_label(app: Watched) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await _chart(app, pilot)
        assert "E2E P90" in text(pilot)
        assert "SLO: 6.5 s" in text(pilot)
        columns = {row.index("╎") for row in lines(pilot) if "╎" in row}
        assert len(columns) == 1, "one column all the way"
        strip = next(s for s in app.screen._compositor.render_strips() if "╎" in s.text)
        dash = next(segment for segment in strip if "╎" in segment.text)
        assert dash.style is not None
        assert dash.style.color is not None
        assert dash.style.color.name == app.palette.slo


async def test_an_slo_on_y_is_horizontal_and_without_an_slo_there_is_no_line(app: Watched) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await _chart(app, pilot)
        await pilot.press("y")
        await type_in(pilot, "ttft mean")
        await press(pilot, "enter")
        assert "SLO: 1.2 s" in text(pilot)
        assert "╌" in text(pilot)
        for axis in "xy":
            await pilot.press(axis)
            await type_in(pilot, "output tok/s" if axis == "x" else "tpot mean")
            await press(pilot, "enter")
        assert "SLO:" not in text(pilot)
        assert "╌" not in text(pilot)
        assert "╎" not in text(pilot)


async def test_an_slo_far_outside_is_an_arrow_with_its_value(app: Watched, full_home: Path) -> None:
    with sqlite3.connect(full_home / "autotuner.db") as connection:
        connection.execute(
            "UPDATE task SET document = replace(document, '6.5', '650.5') WHERE id = ?",
            (runs.RAG_ID,),
        )
    connection.close()
    async with app.run_test(size=(100, 30)) as pilot:
        await _chart(app, pilot)
        assert "SLO: 650.5 s →" in text(pilot)


async def test_the_cursor_reaches_every_point_and_enter_opens_one(app: Watched) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        view = await _chart(app, pilot)
        assert view.point is not None
        assert view.point.experiment == runs.RAG_BEST, "it begins at the best"
        for _ in range(30):
            view.action_walk("left")
        seen = set()
        for _ in range(30):
            assert view.point is not None
            seen.add(view.point.experiment)
            view.action_walk("right")
        assert seen == set(range(19)) - {6}, "all but the one that failed"
        await press(pilot, "down")
        number = view.point.experiment
        await press(pilot, "enter")
        assert f"experiment {number} of 18" in lines(pilot)[0]


async def test_the_axes_are_remembered(app: Watched, full_home: Path) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await _chart(app, pilot)
        await press(pilot, "right_square_bracket", "u")
    again = Watched()
    async with again.run_test(size=(100, 30)) as pilot:
        await _chart(again, pilot)
        assert "TTFT mean" in text(pilot)
        assert "a point a load level" in text(pilot)


async def test_colours_follow_a_parameter(app: Watched) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await _chart(app, pilot)
        await pilot.press("o")
        await type_in(pilot, "tp-size")
        await press(pilot, "enter")
        assert "● tp-size 1" in text(pilot)
        assert "■ tp-size 2" in text(pilot), "each value has a shape of its own"


async def test_a_chart_is_saved(
    app: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    begins = {"png": b"\x89PNG", "svg": b"<svg", "html": b"<!doctype", "csv": b"experiment"}
    async with app.run_test(size=(100, 30)) as pilot:
        await _chart(app, pilot)
        for form, begin in begins.items():
            target = tmp_path / f"c.{form}"
            await pilot.press("w")
            await type_in(pilot, form)
            await pilot.press("enter")
            await until(pilot, lambda: "Write it to" in text(pilot))
            await pilot.press("home", "ctrl+k")
            await type_in(pilot, target.name)
            await pilot.press("enter")
            await until(pilot, target.exists)
            await until(pilot, lambda path=target: path.stat().st_size > 0)
            content = target.read_bytes()
            assert content.startswith(begin)
            if form != "png":
                assert (b"SLO: 6.5 s" in content) == (form != "csv")


@pytest.fixture
def long_log(full_home: Path, tmp_path: Path) -> Path:
    """A log of 2 MB with one error in its middle, as the log of the failed experiment."""
    path = tmp_path / "6.log"
    line = "[2026-01-01 00:00:00] INFO scheduler: 12 running, log_level=error, error_rate=0\n"
    half = line * (1_000_000 // len(line))
    proof = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 8.00 GiB\n"
    path.write_text(f"the first line\n{half}{proof}{half}the last line\n")
    with sqlite3.connect(full_home / "autotuner.db") as connection:
        connection.execute(
            "UPDATE experiment SET record = replace(record, '/home/me/logs/2-rag/6.log', ?)",
            (str(path),),
        )
    connection.close()
    return path


async def test_a_long_log_opens_at_its_end_and_the_error_is_found(
    app: Watched, long_log: Path
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        app.go("log", Subject(task=runs.RAG_ID, experiment=6))
        await until(pilot, lambda: "the last line" in text(pilot))
        assert "following" in lines(pilot)[0]
        await pilot.press("e")
        await until(pilot, lambda: "torch.OutOfMemoryError" in text(pilot))
        assert "following" not in lines(pilot)[0]
        await pilot.press("g")
        await until(pilot, lambda: "the first line" in text(pilot))
        await pilot.press("slash")
        await type_in(pilot, "LAST LINE")
        await pilot.press("enter")
        await until(pilot, lambda: "the last line" in text(pilot))


async def test_a_log_that_grows_is_followed(app: Watched, long_log: Path) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        app.go("log", Subject(task=runs.RAG_ID, experiment=6))
        await until(pilot, lambda: "the last line" in text(pilot))
        with long_log.open("a") as log:
            log.write("and one more\n")
        await until(pilot, lambda: "and one more" in text(pilot))


async def test_a_log_that_is_gone_is_said_to_be(app: Watched) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        app.go("log", Subject(task=runs.RAG_ID, experiment=3))
        await until(pilot, lambda: "The log cannot be shown" in text(pilot))
        assert "3.log" in text(pilot)
