"""Looking: windows, orders, following, and nothing that could get in a runner's way."""

import asyncio
import os
import random
import sqlite3
import sys
from pathlib import Path

import pytest

from core.events import Experiment, Outcome
from core.store import ExperimentSort, Store, StoredTask, TaskState, Viewer
from core.task.expectation import Expectation
from core.verdict import rank_key
from tests.builders import verdict
from tests.store.histories import (
    RUNNER,
    TEXT,
    a_task,
    began,
    ended,
    measured_experiment,
)
from tests.store.test_store import everybody_lives


async def test_before_there_is_a_store_everything_is_empty(path: Path) -> None:
    async with Viewer(path) as viewer:
        assert (await viewer.tasks()).rows == ()
        assert (await viewer.experiments(1)).total == 0
        assert await viewer.experiment(1, 0) is None
        assert await viewer.find("quickstart") is None
        assert await viewer.events(1) == ()
        assert await viewer.samples(1, 0, 0) is None
        assert await viewer.leases() == ()
        assert (await viewer.state(1))[0].experiments == {}
        assert not path.parent.exists()


async def test_a_store_that_appears_is_noticed(path: Path) -> None:
    async with Viewer(path) as viewer:
        await viewer.changed()
        assert not await viewer.changed()
        async with Store.open(path) as store:
            await store.create_task(TEXT, a_task())
            assert await viewer.changed()
            assert not await viewer.changed()
            assert (await viewer.tasks()).total == 1


_ELSEWHERE = """
import asyncio, sys
from pathlib import Path
from core.store import Store
from tests.store.histories import TEXT, a_task

async def main():
    async with Store.open(Path(sys.argv[1])) as store:
        if sys.argv[2] == "create":
            await store.create_task(TEXT, a_task())

asyncio.run(main())
"""


async def _elsewhere(path: Path, what: str) -> None:
    command = [sys.executable, "-c", _ELSEWHERE, str(path), what]
    process = await asyncio.create_subprocess_exec(*command, cwd=Path(__file__).parents[2])
    assert await process.wait() == 0


async def test_a_store_that_is_opened_beside_a_viewer_does_not_blind_it(path: Path) -> None:
    await _elsewhere(path, "create")
    async with Viewer(path) as viewer:
        assert (await viewer.tasks()).total == 1
        await viewer.changed()
        async with Store.open(path):
            pass
        await _elsewhere(path, "look")  # the last to leave removes the log, if nobody holds a lock
        await _elsewhere(path, "create")
        assert await viewer.changed()
        assert (await viewer.tasks()).total == 2


async def test_every_commit_is_noticed_once(store: Store, viewer: Viewer, task: StoredTask) -> None:
    assert await viewer.changed()
    assert not await viewer.changed()
    await store.record(task.id, began())
    assert await viewer.changed()
    assert not await viewer.changed()
    await viewer.tasks()
    assert not await viewer.changed()


async def test_following_misses_nothing(store: Store, viewer: Viewer, task: StoredTask) -> None:
    said = [began(), *measured_experiment(0), *measured_experiment(1), ended(50.0)]
    heard, last = [], 0

    async def follow() -> None:
        nonlocal last
        while not heard or heard[-1].type != "run_ended":
            for recorded in await viewer.events(task.id, after=last, limit=3):
                heard.append(recorded.event)
                last = recorded.seq

    following = asyncio.create_task(follow())
    for event in said:
        await store.record(task.id, event)
    await asyncio.wait_for(following, 60)
    assert heard == said


async def test_the_last_events_tell_what_goes_on(
    store: Store, viewer: Viewer, task: StoredTask
) -> None:
    said = [began(), *measured_experiment(0), *measured_experiment(1)]
    await store.record(task.id, *said)
    assert [r.event for r in await viewer.latest_events(task.id, 3)] == said[-3:]
    assert [r.event for r in await viewer.latest_events(task.id, 1000)] == said


async def test_one_task_is_summed_up_as_in_the_list(
    store: Store, viewer: Viewer, task: StoredTask
) -> None:
    other = await store.create_task(TEXT, a_task("other"))
    await store.record(task.id, began(), *measured_experiment(0, score=1.0))
    listed = {summary.id: summary for summary in (await viewer.tasks()).rows}
    for number in (task.id, other.id):
        assert await viewer.summary(number) == listed[number]
    assert await viewer.summary(99) is None


async def test_two_tasks_do_not_mix(store: Store, viewer: Viewer, task: StoredTask) -> None:
    other = await store.create_task(TEXT, a_task("other"))
    await store.record(task.id, began(), *measured_experiment(0, score=1.0))
    await store.record(other.id, began(5.0), *measured_experiment(0, score=2.0))
    for one, score in ((task, 1.0), (other, 2.0)):
        [experiment] = (await viewer.experiments(one.id)).rows
        assert experiment.verdict == verdict(score)
        assert experiment.sub_rounds


async def test_a_summary_says_what_a_list_shows(
    store: Store, viewer: Viewer, task: StoredTask
) -> None:
    await store.claim(task.id, RUNNER, everybody_lives)
    await store.record(
        task.id,
        began(1000.0),
        *measured_experiment(0, 1000.0, score=2.0),
        *measured_experiment(1, 1020.0, score=1.5),
        *measured_experiment(2, 1040.0)[:5],
    )
    [summary] = (await viewer.tasks()).rows
    assert summary.ref == "quickstart#1"
    assert (summary.engine, summary.model) == ("simulated", "tiny")
    assert summary.state is TaskState.RUNNING
    assert summary.runner == RUNNER
    assert summary.simulated
    assert summary.outcomes == {Outcome.OK: 2, None: 1}
    assert (summary.planned, summary.remaining, summary.eta) == (7, 5, 60.0)
    assert summary.best == 0  # as the search said
    assert summary.best_verdict == summary.baseline_verdict == verdict(2.0)
    assert summary.objective == "minimize_latency"
    assert summary.elapsed(1100.0) == 100.0
    await store.record(task.id, *measured_experiment(2, 1040.0)[5:], ended(1200.0, best=1))
    [summary] = (await viewer.tasks()).rows
    assert summary.state is TaskState.FINISHED
    assert summary.runner is None
    assert summary.best_verdict == verdict(1.5)
    assert summary.elapsed(9999.0) == 200.0


async def test_time_between_runners_is_not_time_spent(
    store: Store, viewer: Viewer, task: StoredTask
) -> None:
    await store.record(task.id, began(0.0), ended(100.0), began(1000.0, resumed=True))
    [summary] = (await viewer.tasks()).rows
    assert summary.elapsed(1050.0) == 150.0
    await store.record(task.id, ended(1070.0))
    [summary] = (await viewer.tasks()).rows
    assert summary.elapsed(5000.0) == 170.0


async def test_runs_of_verify_can_be_left_out_once_they_are_over(
    store: Store, viewer: Viewer
) -> None:
    pinned = a_task("pinned").model_copy(update={"expect": Expectation(value=2.0)})
    for task in (a_task("plain"), pinned, pinned):
        made = await store.create_task(TEXT, task)
        if made.run == 1:
            await store.record(made.id, began(), ended(9.0))
    every, kept = await viewer.tasks(), await viewer.tasks(verifications=False)
    assert [(t.ref, t.pinned) for t in every.rows] == [
        ("pinned#2", True), ("pinned#1", True), ("plain#1", False)
    ]  # fmt: skip
    assert [t.ref for t in kept.rows] == ["pinned#2", "plain#1"], "one is not over yet"
    assert (every.total, kept.total) == (3, 2)


async def test_tasks_are_filtered_sorted_and_windowed(store: Store, viewer: Viewer) -> None:
    for name in ("beta", "alpha", "gamma", "alpha", "100%"):
        await store.create_task(TEXT, a_task(name))

    async def names(matching: str = "", **window: object) -> list[str]:
        return [t.ref for t in (await viewer.tasks(matching, **window)).rows]  # type: ignore[arg-type]

    assert await names() == ["100%#1", "alpha#2", "gamma#1", "alpha#1", "beta#1"]
    assert await names(sort="name", descending=False, limit=3) == ["100%#1", "alpha#1", "alpha#2"]
    assert await names(limit=2, offset=3) == ["alpha#1", "beta#1"]
    assert await names("ALPHA") == ["alpha#2", "alpha#1"]
    assert await names("%") == ["100%#1"]
    assert await names("simulated", limit=1) == ["100%#1"]
    assert (await viewer.tasks("alpha", limit=1)).total == 2


@pytest.fixture
async def mixed(store: Store, task: StoredTask) -> StoredTask:
    """Experiments of every kind, in no order."""
    chance = random.Random(7)
    await store.record(task.id, began())
    for number in range(30):
        events = measured_experiment(number, at=100.0 * number, score=chance.random())
        judged = events[-4]
        if number % 3 == 1:
            bad = verdict(
                chance.random(), feasible=False, violation=chance.choice([0.1, chance.random()])
            )
            update = {"verdict": bad, "outcome": Outcome.INFEASIBLE}
            events[-4] = judged.model_copy(update=update)
        elif number % 3 == 2:
            events[-4] = judged.model_copy(update={"verdict": None, "outcome": Outcome.FAILED})
        duration = chance.random()
        events[-2] = events[-2].model_copy(update={"at": events[-3].at + duration})
        await store.record(task.id, *(events[:6] if number == 29 else events))
    return task


async def in_order(viewer: Viewer, task: StoredTask, sort: ExperimentSort) -> list[Experiment]:
    return list((await viewer.experiments(task.id, sort=sort, limit=100)).rows)


async def test_rank_is_the_rank_of_the_verdicts(viewer: Viewer, mixed: StoredTask) -> None:
    ranked = await in_order(viewer, mixed, "rank")
    assert ranked == sorted(ranked, key=lambda e: (rank_key(e.verdict), e.number))


async def test_what_has_no_figure_comes_last_in_both_directions(
    viewer: Viewer, mixed: StoredTask
) -> None:
    for sort in ("value", "score"):
        for descending in (False, True):
            page = await viewer.experiments(mixed.id, sort=sort, descending=descending, limit=100)
            figures = [e.verdict and e.verdict.score for e in page.rows]
            known = [figure for figure in figures if figure is not None]
            assert known == sorted(known, reverse=descending)
            assert figures[len(known) :] == [None] * (30 - len(known))


async def test_duration_orders_what_is_over(viewer: Viewer, mixed: StoredTask) -> None:
    rows = await in_order(viewer, mixed, "duration")
    lasted = [e.ended_at - e.began_at for e in rows if e.ended_at is not None]
    assert lasted == sorted(lasted)
    assert rows[-1].ended_at is None


@pytest.mark.parametrize("sort", ["number", "rank", "value", "score", "duration", "outcome"])
async def test_windows_are_parts_of_the_whole(
    viewer: Viewer, mixed: StoredTask, sort: ExperimentSort
) -> None:
    whole = await in_order(viewer, mixed, sort)
    pieces: list[Experiment] = []
    for offset in range(0, 35, 7):
        page = await viewer.experiments(mixed.id, sort=sort, limit=7, offset=offset)
        assert page.total == 30
        pieces += page.rows
    assert pieces == whole
    assert {e.number for e in whole} == set(range(30))


async def test_a_list_can_do_without_sub_rounds(viewer: Viewer, mixed: StoredTask) -> None:
    full = (await viewer.experiments(mixed.id)).rows
    light = (await viewer.experiments(mixed.id, sub_rounds=False)).rows
    assert light == tuple(e.model_copy(update={"sub_rounds": ()}) for e in full)


async def test_nothing_that_a_screen_asks_reads_a_whole_table(
    viewer: Viewer, mixed: StoredTask
) -> None:
    connection = await viewer._look()
    asked: list[str] = []
    await connection.set_trace_callback(asked.append)
    await viewer.experiments(mixed.id, sort="number")
    await viewer.experiments(mixed.id, sort="rank")
    await viewer.experiment(mixed.id, 3)
    await viewer.events(mixed.id, after=100)
    await connection.set_trace_callback(None)
    assert len(asked) == 9
    for query in asked:
        plan = await connection.execute_fetchall(f"EXPLAIN QUERY PLAN {query}")
        steps = [step for *_, step in plan]
        scanned = [step for step in steps if step.startswith("SCAN") and "subquery" not in step]
        assert not scanned, (query, steps)
        if "level_measured" in query:
            assert any("event_measured" in step for step in steps)
        if "ORDER BY CASE" in query:
            assert any("INDEX experiment_rank" in step for step in steps)


async def test_a_viewer_that_hangs_in_the_middle_holds_no_lock(
    store: Store, viewer: Viewer, mixed: StoredTask
) -> None:
    await viewer.experiments(mixed.id)
    await viewer.state(mixed.id)
    # The viewer is open and idle, as one is that was stopped with ctrl-z. A checkpoint that may
    # neither wait nor leave anything succeeds only if nobody reads.
    [(busy, left, done)] = await store._connection.execute_fetchall(
        "PRAGMA wal_checkpoint(TRUNCATE)"
    )
    assert (busy, left, done) == (0, 0, 0)


async def test_a_viewer_cannot_write(viewer: Viewer, mixed: StoredTask) -> None:
    connection = await viewer._look()
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await connection.execute("DELETE FROM event")


async def test_many_may_look_through_one_viewer_at_once(viewer: Viewer, mixed: StoredTask) -> None:
    pages = await asyncio.gather(*(viewer.experiments(mixed.id) for _ in range(10)))
    assert all(page.total == 30 for page in pages)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
async def test_a_store_of_somebody_else_is_one_clear_line(path: Path) -> None:
    async with Store.open(path):
        pass
    path.chmod(0)
    with pytest.raises(Exception, match=r"cannot be opened|cannot be written"):
        async with Viewer(path) as viewer:
            await viewer.tasks()


async def test_what_a_dead_runner_left_open_is_shown_as_interrupted(
    store: Store, path: Path, task: StoredTask
) -> None:
    """As the next runner will write it down, and without a word in the store."""
    await store.claim(task.id, RUNNER, everybody_lives)
    await store.record(task.id, began(), *measured_experiment(0), *measured_experiment(1)[:3])
    living = {RUNNER}
    async with Viewer(path, is_alive=lambda who: who in living) as viewer:
        assert await viewer.changed()
        assert (await viewer.state(task.id))[0].experiments[1].outcome is None
        assert not await viewer.changed()
        living.clear()
        assert await viewer.changed()
        assert not await viewer.changed()
        [summary] = (await viewer.tasks()).rows
        assert summary == await viewer.summary(task.id)
        found = await viewer.find("#1")
        assert found is not None
        assert summary.state is found.state is TaskState.INTERRUPTED
        rows = (await viewer.experiments(task.id)).rows
        assert [e.outcome for e in rows] == [Outcome.OK, Outcome.INTERRUPTED]
        assert rows[1] == await viewer.experiment(task.id, 1)
        state, _ = await viewer.state(task.id)
        assert rows == tuple(state.experiments.values())
        async with Viewer(path) as other:
            assert (await other.state(task.id))[0].experiments[1].outcome is None
        await store.close_dead_runs(lambda who: who in living)
        closed, _ = await viewer.state(task.id)
        assert (closed.experiments, closed.ended) == (state.experiments, state.ended)
        written = await viewer.summary(task.id)
        assert written is not None
        assert (written.outcomes, written.ended_at) == (summary.outcomes, summary.ended_at)
