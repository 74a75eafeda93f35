"""Work done in a process of its own, and the report that is made there."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from core.errors import HostError
from core.store import Viewer
from tests.tui import runs
from tui import run_report
from tui.apart import apart
from tui.commands import find
from tui.run_report import RunReport


@pytest.fixture(autouse=True)
def work_can_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done there stands in this file, and not in the program."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


async def process_id() -> int:
    return os.getpid()


async def is_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def has_a_bug() -> None:
    raise ZeroDivisionError("of nothing")


async def takes_for_ever(mark: Path) -> None:
    mark.write_text(str(os.getpid()))
    await asyncio.sleep(1000)


async def test_it_is_done_elsewhere() -> None:
    assert await apart(process_id) != os.getpid()


async def test_what_goes_wrong_there_is_told_here(full_home: Path) -> None:
    with pytest.raises(HostError, match="task #1000 is gone"):
        await apart(find, 1000)
    with pytest.raises(HostError, match="ended by signal 9"):
        await apart(is_killed)
    with pytest.raises(RuntimeError, match="ZeroDivisionError: of nothing"):
        await apart(has_a_bug)


async def test_it_ends_when_nobody_waits_any_more(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    work = asyncio.ensure_future(apart(takes_for_ever, mark))
    while not mark.exists() or not mark.read_text():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    while Path(f"/proc/{mark.read_text()}").exists():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_a_report_is_made_once_and_not_without_cause(
    full_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0

    async def here(work: object, task_id: int) -> run_report.Report:
        nonlocal made
        made += 1
        return await run_report.read_report(task_id)

    monkeypatch.setattr(run_report, "apart", here)
    reading = RunReport(runs.RAG_ID)
    async with Viewer() as viewer:
        first = await reading(viewer)
        assert first is not None
        assert first.blocks
        assert await reading(viewer) is first
        assert made == 1
        assert await RunReport(1000)(viewer) is None


async def test_a_report_that_nobody_looks_at_is_given_up(full_home: Path) -> None:
    reading = RunReport(runs.RAG_ID)
    reading.wanted = False
    async with Viewer() as viewer:
        assert await reading(viewer) is None
