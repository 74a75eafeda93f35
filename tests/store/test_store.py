"""Writing: tasks, history, claims, leases, and what a dead runner leaves."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import StoreError
from core.events import (
    Event,
    ExperimentJudged,
    LevelMeasured,
    LevelProgress,
    Notice,
    Outcome,
    Phase,
    PhaseBegan,
    ProcessIdentity,
    RunState,
    ServerLaunched,
)
from core.store import ClaimedError, Store, StoredTask, TaskState, Viewer
from core.store.masking import SECRET
from core.task import parse_task
from tests.builders import sub_round
from tests.store.histories import (
    OTHER,
    RUNNER,
    TEXT,
    a_task,
    began,
    ended,
    histories,
    launched,
    measured_experiment,
    progress,
    same,
)


def everybody_lives(_: ProcessIdentity) -> bool:
    return True


def nobody_lives(_: ProcessIdentity) -> bool:
    return False


async def test_running_a_file_again_makes_a_new_row(store: Store, viewer: Viewer) -> None:
    first = await store.create_task(TEXT, a_task())
    other = await store.create_task(TEXT, a_task("another"))
    second = await store.create_task(TEXT, a_task())
    assert [t.ref for t in (first, other, second)] == ["quickstart#1", "another#1", "quickstart#2"]
    assert first.id != second.id
    assert await viewer.find("quickstart") == second
    assert await viewer.find("quickstart#1") == first
    assert await viewer.find(f"#{other.id}") == other
    assert await viewer.find("quickstart#3") is None
    assert await viewer.find("#999") is None


async def test_a_name_that_ends_in_a_number_sign_is_found(store: Store, viewer: Viewer) -> None:
    odd = await store.create_task(TEXT, a_task("a#2"))
    assert await viewer.find("a#2") == odd
    assert await viewer.find("a#2#1") == odd


async def test_a_task_comes_back_as_it_was_asked_for(store: Store, viewer: Viewer) -> None:
    text = (
        "task_name: q\nmodel: {id_or_path: m}\nbase_runtime: simulated\nmine: kept\n"
        "parameters: {a: [1, 1.0, true, null, on], b: {type: integer, low: 1, high: 8}}\n"
        "benchmark: {traffic_scenarios: ['N(480,240)/(300,150)'], max_time_per_iteration: 2}\n"
        "slo: {ttft: 1, latency: {p99.9: {threshold: 6.5, hard_fail: true}}}\n"
    )
    reading = parse_task(text)
    await store.create_task(reading.text, reading.task, "q.yaml")
    kept = await viewer.find("q")
    assert kept is not None
    assert kept.text == text
    assert kept.source == "q.yaml"
    assert kept.task == reading.task


async def test_secrets_of_a_task_file_are_not_kept(store: Store, path: Path) -> None:
    text = TEXT + "engine: {environment: {HF_TOKEN: hunter22, OMP_NUM_THREADS: '2'}}\n"
    kept = await store.create_task(text, parse_task(text).task)
    assert kept.task.engine.environment == {"HF_TOKEN": SECRET, "OMP_NUM_THREADS": "2"}
    assert parse_task(kept.text).task == kept.task
    await store.record(kept.id, Notice(at=0, text="env HF_TOKEN=hunter22"))
    written = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"hunter22" not in written
    assert SECRET.encode() in written


@settings(max_examples=40)
@given(histories(), st.data())
def test_what_is_read_is_what_was_recorded(batches: list[list[Event]], data: st.DataObject) -> None:
    asyncio.run(_record_and_read(batches, data))


async def _record_and_read(batches: list[list[Event]], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, lived = Path(folder) / "home" / "autotuner.db", RunState()
        async with Store.open(path) as store, Viewer(path) as viewer:
            task = await store.create_task(TEXT, a_task())
            for batch in batches:
                if data.draw(st.booleans()):  # another process takes over in between
                    async with Store.open(path) as another:
                        await another.record(task.id, *batch)
                else:
                    await store.record(task.id, *batch)
                for event in batch:
                    lived.apply(event)
                assert same(await store.resume(task.id), lived)
            folded, last = await viewer.state(task.id)
            assert same(folded, lived)
            assert await viewer.events(task.id, after=last) == ()
            page = await viewer.experiments(task.id)
            assert list(page.rows) == [lived.experiments[n] for n in sorted(lived.experiments)]
            for number, experiment in lived.experiments.items():
                assert await viewer.experiment(task.id, number) == experiment


async def test_an_impossible_event_leaves_no_trace(store: Store, task: StoredTask) -> None:
    await store.record(task.id, began(), *measured_experiment(0))
    before = await store.resume(task.id)
    with pytest.raises(ValueError, match="was never queued"):
        await store.record(
            task.id, *measured_experiment(1), PhaseBegan(at=9, experiment=7, phase=Phase.LEASING)
        )
    assert same(await store.resume(task.id), before)
    await store.record(task.id, *measured_experiment(1))
    assert set((await store.resume(task.id)).experiments) == {0, 1}


async def test_an_event_for_a_task_that_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(StoreError):
        await store.record(99, began())


async def test_progress_replaces_progress_and_followers_see_each(
    store: Store, viewer: Viewer, task: StoredTask
) -> None:
    await store.record(task.id, began(), *measured_experiment(0)[:6])
    _, last = await viewer.state(task.id)
    seen = []
    for second in range(5):
        await store.record(task.id, progress(0, float(second), done=second))
        for recorded in await viewer.events(task.id, after=last):
            seen.append(recorded.event.at)
            last = recorded.seq
    assert seen == [0.0, 1.0, 2.0, 3.0, 4.0]
    kept = [r for r in await viewer.events(task.id) if r.event.type == "level_progress"]
    assert [recorded.event.at for recorded in kept] == [4.0]


async def test_experiments_side_by_side_keep_their_progress_each(
    store: Store, viewer: Viewer, task: StoredTask
) -> None:
    await store.record(task.id, began())
    for number in range(2):
        await store.record(task.id, *measured_experiment(number)[:6])
    for second in range(3):
        for number in range(2):
            await store.record(task.id, progress(number, float(second + number), done=second))
    kept = [r.event for r in await viewer.latest_events(task.id, 60)]
    reports = [event for event in kept if isinstance(event, LevelProgress)]
    assert [(report.experiment, report.at) for report in reports] == [(0, 2.0), (1, 3.0)]


async def test_a_cancelled_caller_loses_nothing(store: Store, task: StoredTask) -> None:
    await store.record(task.id, began(), *measured_experiment(0, levels=0)[:4])
    measured = LevelMeasured(at=9, experiment=0, sub_round=sub_round(0))
    saving = asyncio.create_task(store.record(task.id, measured))
    await asyncio.sleep(0)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert len((await store.resume(task.id)).experiments[0].sub_rounds) == 1


async def test_a_caller_that_gives_up_its_turn_disturbs_nobody(
    store: Store, task: StoredTask
) -> None:
    await store.record(task.id, began())
    first = asyncio.create_task(store.record(task.id, *measured_experiment(0)))
    second = asyncio.create_task(store.record(task.id, *measured_experiment(1)))
    third = asyncio.create_task(store.record(task.id, *measured_experiment(2)))
    for _ in range(5):  # the first has begun, the others wait
        await asyncio.sleep(0)
    for _ in range(2):  # twice: it shall not even end in good order
        second.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(first, third)
    with pytest.raises(asyncio.CancelledError):
        await second
    assert set((await store.resume(task.id)).experiments) == {0, 2}


async def test_calls_at_the_same_time_take_turns(store: Store, task: StoredTask) -> None:
    await store.record(task.id, began())
    await asyncio.gather(
        *(store.record(task.id, *measured_experiment(number)) for number in range(10)),
        *(store.keep_samples(task.id, number, 0, b"x" * number) for number in range(10)),
    )
    assert len((await store.resume(task.id)).experiments) == 10


async def test_samples_are_kept_apart_and_come_back(
    store: Store, viewer: Viewer, task: StoredTask
) -> None:
    requests = b'{"ttft": 0.1}\n' * 100_000
    await store.keep_samples(task.id, 0, 1, requests)
    assert await viewer.samples(task.id, 0, 1) == requests
    assert await viewer.samples(task.id, 0, 0) is None
    await store.keep_samples(task.id, 0, 1, b"again")
    assert await viewer.samples(task.id, 0, 1) == b"again"


async def test_a_task_has_one_runner(store: Store, task: StoredTask, path: Path) -> None:
    claimed = await store.claim(task.id, RUNNER, everybody_lives)
    assert claimed.runner == RUNNER
    await store.claim(task.id, RUNNER, everybody_lives)  # it may ask again
    async with Store.open(path) as another:
        with pytest.raises(ClaimedError, match=r"quickstart#1: is being run by PID 4000001") as no:
            await another.claim(task.id, OTHER, everybody_lives)
    assert no.value.holder == RUNNER
    await store.record(task.id, began(), ended(1.0))
    assert (await store.claim(task.id, OTHER, everybody_lives)).runner == OTHER


async def test_of_many_runners_that_claim_at_once_one_gets_it(path: Path) -> None:
    async with Store.open(path) as store:
        task = await store.create_task(TEXT, a_task())

    async def claim(pid: int) -> int:
        async with Store.open(path) as store:
            runner = ProcessIdentity(pid=pid, start_ticks=0, boot_id="boot")
            await store.claim(task.id, runner, everybody_lives)
            return pid

    outcomes = await asyncio.gather(*(claim(n) for n in range(1, 9)), return_exceptions=True)
    winners = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert len(winners) == 1
    refused = [outcome for outcome in outcomes if isinstance(outcome, ClaimedError)]
    assert {error.holder.pid for error in refused} == set(winners)
    assert len(refused) == 7


async def test_there_is_nothing_to_claim_without_a_task(store: Store) -> None:
    with pytest.raises(StoreError, match="there is no task #99"):
        await store.claim(99, RUNNER, everybody_lives)


async def test_a_deleted_task_leaves_nothing_and_others_alone(
    store: Store, viewer: Viewer, task: StoredTask
) -> None:
    other = await store.create_task(TEXT, a_task("other"))
    for one in (task, other):
        await store.record(one.id, began(), *measured_experiment(0), ended(20.0))
        await store.keep_samples(one.id, 0, 0, b"samples")
    await store.delete_task(task.id, nobody_lives)
    assert [t.id for t in (await viewer.tasks()).rows] == [other.id]
    assert await viewer.events(task.id) == ()
    assert await viewer.samples(task.id, 0, 0) is None
    assert len((await viewer.state(other.id))[0].experiments) == 1
    assert await viewer.samples(other.id, 0, 0) == b"samples"
    with pytest.raises(StoreError, match="no task"):
        await store.delete_task(task.id, nobody_lives)


async def test_a_task_that_runs_is_not_deleted(
    store: Store, viewer: Viewer, task: StoredTask
) -> None:
    await store.claim(task.id, RUNNER, everybody_lives)
    with pytest.raises(ClaimedError):
        await store.delete_task(task.id, everybody_lives)
    assert (await viewer.tasks()).total == 1


async def test_a_dead_runner_loses_its_claim_and_its_run_is_closed(
    store: Store, viewer: Viewer, task: StoredTask
) -> None:
    await store.claim(task.id, RUNNER, everybody_lives)
    half = measured_experiment(1, at=100.0)[:7]
    await store.record(task.id, began(), *measured_experiment(0), *half)
    await store.claim(task.id, OTHER, lambda runner: runner != RUNNER)
    state = await store.resume(task.id)
    assert state.ended is not None
    assert state.ended.state == "interrupted"
    assert state.ended.at == half[-1].at
    assert state.ended.best == 0
    assert state.experiments[0].outcome is Outcome.OK
    assert state.experiments[1].outcome is Outcome.INTERRUPTED
    assert state.experiments[1].phase is Phase.DONE
    assert len(state.experiments[1].sub_rounds) == 1
    summary = (await viewer.tasks()).rows[0]
    assert summary.state is TaskState.INTERRUPTED
    assert summary.done == 1
    assert summary.runner == OTHER


async def test_dead_runs_are_closed_and_their_servers_named(
    store: Store, viewer: Viewer, task: StoredTask
) -> None:
    living = await store.create_task(TEXT, a_task("living"))
    await store.claim(task.id, RUNNER, everybody_lives)
    await store.claim(living.id, OTHER, everybody_lives)
    await store.record(living.id, began(), *measured_experiment(0)[:5])
    judged = measured_experiment(1)[:-2]
    assert isinstance(judged[-2], ExperimentJudged)
    await store.record(task.id, began(), *measured_experiment(0), *judged)
    await store.take_leases(["GPU-1"], RUNNER, everybody_lives)
    await store.take_leases(["GPU-2"], OTHER, everybody_lives)

    [run] = await store.close_dead_runs(lambda runner: runner == OTHER)
    assert run.task.id == task.id
    assert run.task.state is TaskState.INTERRUPTED
    assert run.task.runner is None
    assert [type(server) for server in run.servers] == [ServerLaunched]
    assert run.servers[0] == launched(1, 3.0)
    assert (await store.resume(task.id)).experiments[1].outcome is Outcome.OK  # it was committed
    assert [lease.gpu for lease in await viewer.leases()] == ["GPU-2"]
    assert (await store.resume(living.id)).ended is None
    assert await store.close_dead_runs(lambda runner: runner == OTHER) == ()


async def test_a_runner_that_dies_before_it_begins_leaves_the_result_alone(
    store: Store, viewer: Viewer, task: StoredTask
) -> None:
    await store.claim(task.id, RUNNER, everybody_lives)
    assert await store.close_dead_runs(nobody_lives) == ()
    assert (await viewer.tasks()).rows[0].state is TaskState.CREATED
    await store.record(task.id, began(), *measured_experiment(0), ended(20.0))
    await store.claim(task.id, RUNNER, everybody_lives)  # `--resume` of a finished task
    assert await store.close_dead_runs(nobody_lives) == ()
    assert (await viewer.tasks()).rows[0].state is TaskState.FINISHED


async def test_what_another_process_closed_is_not_written_to_any_more(
    store: Store, task: StoredTask, path: Path
) -> None:
    """A runner taken for dead, in another PID namespace say, must not spoil the history."""
    await store.claim(task.id, RUNNER, everybody_lives)
    await store.record(task.id, began(), *measured_experiment(0)[:6])
    async with Store.open(path) as another:
        await another.close_dead_runs(nobody_lives)
    with pytest.raises(ValueError, match="judged before it was measured"):
        await store.record(task.id, LevelMeasured(at=9, experiment=0, sub_round=sub_round(0)))
    assert (await store.resume(task.id)).experiments[0].outcome is Outcome.INTERRUPTED


async def test_leases_are_taken_together_or_not_at_all(store: Store, viewer: Viewer) -> None:
    assert await store.take_leases(["GPU-1", "GPU-2"], RUNNER, everybody_lives) == ()
    in_the_way = await store.take_leases(["GPU-2", "GPU-3"], OTHER, everybody_lives)
    assert [(lease.gpu, lease.holder) for lease in in_the_way] == [("GPU-2", RUNNER)]
    assert [lease.gpu for lease in await viewer.leases()] == ["GPU-1", "GPU-2"]
    assert await store.take_leases(["GPU-1"], RUNNER, everybody_lives) == ()
    await store.release_leases(["GPU-1", "GPU-2"], OTHER)  # not its own
    assert len(await viewer.leases()) == 2
    await store.release_leases(["GPU-1", "GPU-2"], RUNNER)
    assert await store.take_leases(["GPU-2", "GPU-3"], OTHER, everybody_lives) == ()


async def test_a_dead_holder_frees_its_lease(store: Store, viewer: Viewer) -> None:
    await store.take_leases(["GPU-1"], RUNNER, everybody_lives)
    assert await store.take_leases(["GPU-1"], OTHER, lambda holder: holder != RUNNER) == ()
    assert [lease.holder for lease in await viewer.leases()] == [OTHER]


async def test_one_gpu_goes_to_one_of_many(path: Path) -> None:
    async with Store.open(path):
        pass

    async def take(pid: int) -> bool:
        async with Store.open(path) as store:
            holder = ProcessIdentity(pid=pid, start_ticks=0, boot_id="boot")
            return not await store.take_leases(["GPU-1", "GPU-2"], holder, everybody_lives)

    assert sum(await asyncio.gather(*(take(pid) for pid in range(1, 9)))) == 1
