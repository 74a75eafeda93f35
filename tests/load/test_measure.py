"""Whole measurements: a real worker process against a scripted server."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from core.events import FailureKind, SubRound
from core.load import LevelPlan, LoadWorker, MeasurementError, Progress, RequestTable, Target
from core.load.records import unpack
from core.machine.cores import Cores
from core.task import Level, Scenario
from tests.load.scripted import (
    HEAD,
    Asked,
    Do,
    ScriptedServer,
    Step,
    answer,
    framed,
    refusal,
    token,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def worker() -> AsyncIterator[LoadWorker]:
    """One worker for all of these tests: starting it is what takes the time."""
    async with LoadWorker() as shared:
        yield shared


def plan(
    concurrency: int = 4, requests: int = 24, scenario: str = "D(20,8)", **more: Any
) -> LevelPlan:
    level = Level(scenario=Scenario.model_validate(scenario), concurrency=concurrency)
    given = {"max_seconds": 60, "warmup_seconds": 30, "request_timeout": 20} | more
    return LevelPlan(index=0, level=level, requests=requests, **given)


def steady(asked: Asked) -> Iterable[Step]:
    return answer(asked.tokens, ttft=0.02, itl=0.005, prompt=20)


async def measured(
    worker: LoadWorker, server: ScriptedServer, asked: LevelPlan, **target: Any
) -> tuple[list[Progress], RequestTable, SubRound]:
    progress: list[Progress] = []
    table: RequestTable | None = None
    async for said in worker.measure(Target(base_url=server.url, model="m", **target), asked):
        match said:
            case Progress():
                progress.append(said)
            case RequestTable():
                table = said
            case SubRound():
                assert table is not None
                return progress, table, said
    raise AssertionError("no sub-round came")


async def test_a_level_is_measured_from_end_to_end(worker: LoadWorker) -> None:
    async with ScriptedServer(steady) as server:
        progress, table, result = await measured(worker, server, plan())
    assert result.requests.sent == result.requests.completed == 24
    assert result.client is not None
    assert not result.client.bound
    # A busy machine may be said to have changed its speed; nothing else is to be remarked.
    assert all("throughput changed" in note for note in result.notes)
    assert result.output_tokens is not None
    assert result.output_tokens.min == result.output_tokens.max == 8
    assert result.ttft is not None
    assert result.ttft.min >= 0.02
    assert result.tpot is not None
    assert result.tpot.min >= 0.005
    assert result.e2e_latency is not None
    assert result.e2e_latency.mean == pytest.approx(result.ttft.mean + 7 * result.tpot.mean)
    busy = result.request_throughput * (result.stream_end.mean if result.stream_end else 0)
    assert busy == pytest.approx(4, rel=0.4)  # Little's law: four were under way all along
    rows = unpack(table.data)
    assert len(rows) == 24
    assert (rows["output_tokens"] == 8).all()
    assert not rows["opening"].any()
    assert progress[-1].done == 24
    assert {one.phase for one in progress} <= {"warming", "measuring"}


async def test_the_load_is_full_before_during_and_after_the_window(worker: LoadWorker) -> None:
    under_way = 0
    seen: list[int] = []

    def script(asked: Asked) -> Iterable[Step]:
        nonlocal under_way
        under_way += 1
        seen.append(under_way)
        yield from steady(asked)
        under_way -= 1

    async with ScriptedServer(script) as server:
        await measured(worker, server, plan(concurrency=5, requests=20))
    assert max(seen) == 5
    assert sum(seen[5:]) / len(seen[5:]) > 2.5  # several answers may end in one round of the loop
    assert len(seen) >= 5 + 20 + 5  # the openings, the window's, and those that follow


async def test_no_two_prompts_begin_alike_even_over_levels(worker: LoadWorker) -> None:
    async with ScriptedServer(steady) as server:
        for _ in range(2):
            await measured(worker, server, plan(requests=8))
    prompts = [asked.body["prompt"] for asked in server.asked]
    assert len({prompt[:60] for prompt in prompts}) == len(prompts)


async def test_requests_say_what_the_target_asks_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_KEY", "secret")

    def script(asked: Asked) -> Iterable[Step]:
        return answer(int(asked.body["max_completion_tokens"]), itl=0.005)

    async with ScriptedServer(script) as server, LoadWorker() as worker:
        _, _, result = await measured(
            worker,
            server,
            plan(requests=4),
            endpoint="chat",
            length_fields=("max_completion_tokens", "min_tokens"),
            extras={"ignore_eos": True, "temperature": 0},
            api_key_variable="SOME_KEY",
        )
    asked = server.asked[-1]
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == "bearer secret"
    assert asked.body["messages"][0]["role"] == "user"
    assert asked.body["stream_options"] == {"include_usage": True}
    assert (asked.body["max_completion_tokens"], asked.body["min_tokens"]) == (8, 8)
    assert (asked.body["ignore_eos"], asked.body["temperature"]) == (True, 0)
    assert result.requests.completed == 4


async def test_a_server_that_refuses_everything_is_given_up_in_its_own_words(
    worker: LoadWorker,
) -> None:
    def script(asked: Asked) -> Iterable[Step]:
        return [refusal(400, "the model `m` does not exist")]

    async with ScriptedServer(script) as server:
        with pytest.raises(MeasurementError, match="does not exist") as caught:
            await measured(worker, server, plan())
    assert caught.value.failure.kind is FailureKind.REQUEST_ERRORS
    assert "http_400" in caught.value.failure.message


async def test_a_server_that_is_gone_is_an_error_of_requests(worker: LoadWorker) -> None:
    async with ScriptedServer() as server:
        pass
    with pytest.raises(MeasurementError, match="no answer from") as caught:
        await measured(worker, server, plan())
    assert caught.value.failure.kind is FailureKind.REQUEST_ERRORS


async def test_a_server_that_never_answers_runs_out_of_warm_up(worker: LoadWorker) -> None:
    async with ScriptedServer(lambda asked: [Do.HANG]) as server:
        with pytest.raises(MeasurementError) as caught:
            await measured(worker, server, plan(warmup_seconds=0.5))
    assert caught.value.failure.kind is FailureKind.WARMUP_TIMEOUT


async def test_a_server_that_stops_answering_has_its_last_requests_counted_as_failed(
    worker: LoadWorker,
) -> None:
    hanging = False

    def script(asked: Asked) -> Iterable[Step]:
        if hanging:
            yield Do.HANG
        yield from steady(asked)

    async with ScriptedServer(script) as server:
        hurried = plan(requests=5_000, max_seconds=4, request_timeout=30)
        levels = worker.measure(Target(base_url=server.url, model="m"), hurried)

        result = None
        async for said in levels:
            measuring = isinstance(said, Progress) and said.phase == "measuring"
            hanging = hanging or (measuring and said.done > 0)
            result = said if isinstance(said, SubRound) else None
    assert result is not None
    assert result.requests.failed == {"timeout": 4}
    assert any("time was up" in note for note in result.notes)


async def test_time_that_is_up_leaves_what_was_measured(worker: LoadWorker) -> None:
    async with ScriptedServer(steady) as server:
        _, _, result = await measured(worker, server, plan(requests=5_000, max_seconds=1.5))
    assert 0 < result.requests.sent == result.requests.completed < 5_000
    assert any("time was up" in note for note in result.notes)


async def test_failures_count_and_rank_last(worker: LoadWorker) -> None:
    def script(asked: Asked) -> Iterable[Step]:
        if asked.number % 4 == 3:
            return [0.03, refusal(503, "queue is full")]
        return steady(asked)

    async with ScriptedServer(script) as server:
        _, _, result = await measured(
            worker, server, plan(requests=40, thresholds={"ttft_p99": 10.0, "tpot": 10.0})
        )
    counts = result.requests
    assert counts.sent == 40
    assert set(counts.failed) == {"http_503"}
    assert counts.completed + counts.failed["http_503"] == 40
    assert result.ttft is not None
    assert result.ttft.percentiles["p50"] < 20
    assert result.ttft.percentiles["p99"] == 20  # the time-out
    assert result.ttft.max < 20
    assert result.attainment == pytest.approx(counts.completed / 40)
    assert result.goodput == pytest.approx(counts.completed / result.duration)
    assert any("queue is full" in note for note in result.notes)


async def test_a_request_that_takes_too_long_has_failed(worker: LoadWorker) -> None:
    def script(asked: Asked) -> Iterable[Step]:
        if asked.number % 10 == 9:
            return [HEAD + framed(token()), Do.HANG]
        return steady(asked)

    async with ScriptedServer(script) as server:
        _, _, result = await measured(worker, server, plan(requests=30, request_timeout=0.5))
    assert result.requests.failed.get("timeout", 0) > 0


async def test_leaving_the_iteration_stops_the_load_at_once(worker: LoadWorker) -> None:
    def script(asked: Asked) -> Iterable[Step]:
        return answer(1000, ttft=0.01, itl=0.01)

    async with ScriptedServer(script) as server:
        target = Target(base_url=server.url, model="m")
        async with aclosing(worker.measure(target, plan(scenario="D(20,1000)"))) as levels:
            async for _ in levels:
                break
        asked = len(server.asked)
        await asyncio.sleep(0.3)
        assert len(server.asked) == asked
        server.script = steady
        _, _, result = await measured(worker, server, plan(requests=8))
        assert result.requests.completed == 8


async def test_nothing_of_a_level_that_was_broken_off_is_told_of_the_next(
    worker: LoadWorker,
) -> None:
    """What was left behind by one measurement is not read as the result of another."""

    def script(asked: Asked) -> Iterable[Step]:
        return answer(asked.tokens, ttft=0.005, itl=0.001)

    async with ScriptedServer(script) as server:
        target = Target(base_url=server.url, model="m")
        before = plan(concurrency=8, requests=10_000, scenario="D(20,20)")
        async with aclosing(worker.measure(target, before)) as levels:
            async for _ in levels:
                break
        server.script = steady
        began = time.monotonic_ns()
        _, table, result = await measured(worker, server, plan(concurrency=1, requests=6))
    rows = unpack(table.data)
    assert len(rows) == result.requests.sent == 6
    assert (rows["due"] > began).all()
    assert (rows["output_tokens"] == 8).all()
    assert result.series is not None
    assert max(result.series.in_flight) < 1.5
    assert result.itl is not None
    assert result.itl.min >= 0.0045


async def test_a_chat_template_is_counted_into_the_prompt(worker: LoadWorker) -> None:
    """A prompt of the asked length that a template makes longer has another length."""

    def templated(prompt: str) -> int:
        return len(prompt.split()) + 13

    async with ScriptedServer(steady, tokenize=templated) as server:
        await measured(worker, server, plan(requests=4, scenario="D(60,8)"), endpoint="chat")
    prompts = [asked.body["messages"][-1]["content"] for asked in server.asked]
    assert {templated(prompt) for prompt in prompts} == {60}


async def test_cancelling_stops_the_load_too(worker: LoadWorker) -> None:
    async with ScriptedServer(lambda asked: [Do.HANG]) as server:
        measuring = asyncio.create_task(measured(worker, server, plan()))
        while len(server.asked) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        measuring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await measuring
        server.script = steady
        _, _, result = await measured(worker, server, plan(requests=8))
        assert result.requests.completed == 8


async def test_a_worker_that_dies_is_told_and_replaced(worker: LoadWorker) -> None:
    async with ScriptedServer(steady) as server:
        asyncio.get_running_loop().call_later(1, os.kill, worker.pids[0], signal.SIGKILL)
        with pytest.raises(MeasurementError, match="signal 9") as caught:
            await measured(worker, server, plan(requests=5_000))
        assert caught.value.failure.kind is FailureKind.ENVIRONMENT
        _, _, result = await measured(worker, server, plan(requests=8))
        assert result.requests.completed == 8


OWNER = """
import asyncio
from core.load import LoadWorker

async def main():
    async with LoadWorker() as worker:
        print(worker.pids[0], flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_killed_runner_leaves_no_worker_behind() -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    worker = psutil.Process(int(await owner.stdout.readline()))
    owner.kill()
    await owner.wait()
    gone, _ = await asyncio.to_thread(psutil.wait_procs, [worker], timeout=30)
    assert gone or worker.status() == psutil.STATUS_ZOMBIE


async def test_the_context_leaves_no_process_behind() -> None:
    async with LoadWorker() as worker:
        pid = worker.pids[0]
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)


async def test_several_workers_share_a_level_without_losing_any_of_it() -> None:
    async with (
        ScriptedServer(steady) as server,
        LoadWorker(least_workers=3, most_workers=3) as worker,
    ):
        assert len(worker.pids) == 3
        _, table, result = await measured(worker, server, plan(concurrency=8, requests=64))
    assert result.requests.sent == result.requests.completed == 64
    assert result.client is not None
    assert result.client.workers == 3
    assert len({asked.connection for asked in server.asked}) == 8
    assert len(unpack(table.data)) == 64
    busy = result.request_throughput * (result.stream_end.mean if result.stream_end else 0)
    assert busy == pytest.approx(8, rel=0.4)


async def test_a_level_of_fewer_slots_than_workers_is_measured() -> None:
    async with (
        ScriptedServer(steady) as server,
        LoadWorker(least_workers=2, most_workers=2) as worker,
    ):
        _, _, result = await measured(worker, server, plan(concurrency=1, requests=8))
    assert result.requests.completed == 8


async def test_a_folder_for_what_is_fetched_is_made_when_something_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A process that is struck down leaves nothing behind that it never needed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with LoadWorker():
        assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU cannot be parted")
async def test_workers_keep_to_the_load_s_cpus_while_each_has_one() -> None:
    first, *others = sorted(os.sched_getaffinity(0))
    cores = Cores(load=frozenset({first}), servers=frozenset(others))
    for count, where in ((1, {first}), (2, {first, *others})):
        async with LoadWorker(least_workers=count, cores=cores) as some:
            assert [os.sched_getaffinity(pid) for pid in some.pids] == [where] * count
