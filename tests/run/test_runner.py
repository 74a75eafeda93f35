"""Whole runs, with real server processes."""

import asyncio
import signal
import time
from pathlib import Path

import pytest

from core.engines.custom import Custom
from core.events import (
    Event,
    ExperimentJudged,
    ExperimentQueued,
    FailureKind,
    LevelMeasured,
    LevelProgress,
    Outcome,
    Phase,
    PhaseBegan,
    RunEnded,
    ServerLaunched,
)
from core.machine import identity
from core.report import findings
from core.store import Store
from core.task import DEFAULTS, Configuration
from tests.run.conftest import Session, stub_task
from tests.store.histories import began


def left_running(events: list[Event]) -> list[int]:
    """Servers and guardians of the run that still live."""
    launched = [event for event in events if isinstance(event, ServerLaunched)]
    owned = [process for event in launched for process in (event.server, event.guardian)]
    return [process.pid for process in owned if identity.is_alive(process)]


async def test_a_run_finds_the_faster_configuration(session: Session) -> None:
    ending, conclusion = await session.run(stub_task({"batch": [4, 1]}))
    assert ending.state == "finished"
    assert ending.reason == "every configuration has been tried"
    assert [e.number for e in conclusion.experiments] == [0, 1, 2]
    assert conclusion.experiments[0].configuration == DEFAULTS
    assert all(e.outcome is Outcome.OK for e in conclusion.experiments)
    assert conclusion.winner is not None
    assert conclusion.winner.configuration == Configuration({"batch": 4})
    assert conclusion.gain is not None
    assert conclusion.gain > 0.3
    assert "--batch" in conclusion.winner.argv
    assert not left_running(session.events)


async def test_what_the_server_runs_with_is_read_back(session: Session) -> None:
    """FlashAttention 3 reads no such cache: as SGLang does, the server takes another backend."""
    task = stub_task(
        {"kv-cache-dtype": ["fp8_e5m2"], "schedule-policy": ["fcfs"], "page-size": [None]},
        base_runtime="simulated",
        model={"id_or_path": "llama-3.1-8b"},
        engine={"arguments": {"attention-backend": "fa3", "start-speed": 200}, "command": ()},
        optimization={"baseline": False},
    )
    _, conclusion = await session.run(task)
    (experiment,) = conclusion.experiments
    assert experiment.in_force is not None
    told = {a.flag: (a.asked, a.in_force, a.differs) for a in experiment.in_force.arguments}
    assert told["attention-backend"] == ("fa3", "triton", True)
    assert told["kv-cache-dtype"] == ("fp8_e5m2", "fp8_e5m2", False)
    assert told["page-size"] == (None, 1, False)
    (changed,) = findings(conclusion).not_in_force
    assert (changed.flag, changed.in_force, changed.experiments) == (
        "attention-backend", "triton", (experiment.number,),
    )  # fmt: skip
    assert "asked for attention-backend fa3, the server runs with triton" in experiment.warnings


async def test_a_run_that_ended_with_an_experiment_open_goes_on(session: Session) -> None:
    task = stub_task({"batch": [4]})
    left_open = ExperimentQueued(
        at=1.0, experiment=0, configuration=DEFAULTS, origin="baseline", reason=""
    )
    ended = RunEnded(at=2.0, state="cancelled", reason="", best=None)
    async with Store.open() as store:
        stored = await store.create_task("", task)
        await store.record(stored.id, began(0.0), left_open, ended)
        ending, conclusion = await session.go_on(store, stored)
    assert ending.state == "finished"
    assert [e.outcome for e in conclusion.experiments] == [
        Outcome.INTERRUPTED, Outcome.OK, Outcome.OK,
    ]  # fmt: skip


async def test_the_result_is_said_before_anything_is_torn_down(session: Session) -> None:
    await session.run(stub_task({"batch": [1]}, optimization={"baseline": False}))
    told = [
        event.phase if isinstance(event, PhaseBegan) else type(event).__name__
        for event in session.events
        if isinstance(event, PhaseBegan | ExperimentJudged | LevelMeasured)
    ]
    phases = list(dict.fromkeys(told))
    assert phases == [
        Phase.LEASING,
        Phase.STARTING,
        Phase.WARMING,
        Phase.MEASURING,
        "LevelMeasured",
        "ExperimentJudged",
        Phase.STOPPING,
        Phase.DONE,
    ]


async def test_every_level_is_measured_on_one_server(session: Session) -> None:
    task = stub_task(
        {"batch": [2]}, benchmark={"num_concurrency": [1, 3]}, optimization={"baseline": False}
    )
    _, conclusion = await session.run(task)
    (experiment,) = conclusion.experiments
    assert [s.level.concurrency for s in experiment.sub_rounds] == [1, 3]
    assert sum(isinstance(e, ServerLaunched) for e in session.events) == 1
    for measured in experiment.sub_rounds:
        assert measured.output_tokens is not None
        assert measured.output_tokens.mean == 8


@pytest.mark.parametrize(
    ("fail", "kind", "evidence"),
    [
        ("start", FailureKind.CRASHED, "something unexpected"),
        ("bad_flag", FailureKind.BAD_FLAGS, "--warp 9"),
        ("oom", FailureKind.OUT_OF_MEMORY, "CUDA out of memory"),
        ("load", FailureKind.CRASHED, "the scheduler died"),
        ("errors", FailureKind.REQUEST_ERRORS, "the batch is too large"),
    ],
)
async def test_a_failure_is_named_and_the_search_goes_on(
    session: Session, fail: str, kind: FailureKind, evidence: str
) -> None:
    task = stub_task({"fail": [fail, None]}, optimization={"baseline": False})
    ending, conclusion = await session.run(task)
    failed = [e for e in conclusion.experiments if e.outcome is Outcome.FAILED]
    assert ending.state == "finished"
    assert [e.configuration["fail"] for e in failed] == [fail]
    assert failed[0].failure is not None
    assert failed[0].failure.kind is kind
    assert evidence in failed[0].failure.evidence + failed[0].failure.message
    assert conclusion.winner is not None
    assert not left_running(session.events)


async def test_a_server_that_never_gets_ready_runs_out_of_time(session: Session) -> None:
    task = stub_task(
        {"fail": ["never_ready"]},
        optimization={"baseline": False},
        timeouts={"start": "1500ms"},
    )
    _, conclusion = await session.run(task)
    failure = conclusion.experiments[0].failure
    assert failure is not None
    assert failure.kind is FailureKind.START_TIMEOUT


async def test_an_experiment_that_takes_too_long_is_named_by_its_phase(session: Session) -> None:
    task = stub_task(
        {"batch": [1]},
        optimization={"baseline": False, "timeout_per_iteration": 3},
        benchmark={"max_time_per_iteration": "60s", "max_requests_per_iteration": 100_000},
    )
    _, conclusion = await session.run(task)
    failure = conclusion.experiments[0].failure
    assert failure is not None
    assert failure.kind in {FailureKind.MEASURE_TIMEOUT, FailureKind.WARMUP_TIMEOUT}
    assert "the experiment's 3 s ran out" in failure.message


async def test_a_slow_stop_is_a_warning_and_no_failure(session: Session) -> None:
    task = stub_task({"stop-seconds": [30]}, optimization={"baseline": False}, timeouts={"stop": 1})
    _, conclusion = await session.run(task)
    (experiment,) = conclusion.experiments
    assert experiment.outcome is Outcome.OK
    assert any("had to be killed" in warning for warning in experiment.warnings)
    assert not left_running(session.events)


async def test_a_server_that_is_halted_under_load_is_named(session: Session) -> None:
    halted: list[int] = []

    def halt(event: Event) -> None:
        if isinstance(event, LevelProgress) and event.phase is Phase.MEASURING and not halted:
            (launched,) = [e for e in session.events if isinstance(e, ServerLaunched)]
            assert identity.send(launched.server, signal.SIGSTOP)
            halted.append(launched.server.pid)

    task = stub_task(
        {"batch": [4]},
        optimization={"baseline": False},
        timeouts={"request": 1, "stop": 1},
        benchmark={"max_requests_per_iteration": 100_000},
    )
    _, conclusion = await session.run(task, [halt])
    first = conclusion.experiments[0]
    assert first.failure is not None
    assert f"`kill -CONT {halted[0]}` lets it go on" in first.failure.message
    assert first.failure.transient
    assert not left_running(session.events)


async def test_the_same_environment_failure_three_times_ends_the_run(session: Session) -> None:
    task = stub_task({"fail": ["port"], "note": list("abcdefgh")})
    ending, conclusion = await session.run(task)
    assert ending.state == "failed"
    assert "3 experiments in a row failed alike" in ending.reason
    reasons = [e.reason for e in conclusion.experiments]
    assert [reason.startswith("once more") for reason in reasons] == [
        False,
        False,
        True,
        False,
        True,
    ]


async def test_equal_command_lines_are_run_once(session: Session) -> None:
    task = stub_task({"note": [None, False, "x"]})
    _, conclusion = await session.run(task)
    assert [e.configuration.get("note") for e in conclusion.experiments] == [None, "x"]


async def test_the_budget_ends_the_run(session: Session) -> None:
    task = stub_task({"note": list("abcdefgh")}, optimization={"max_iterations": 2})
    ending, conclusion = await session.run(task)
    assert ending.reason == "the budget of experiments is spent"
    assert len(conclusion.experiments) == 3


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.WARMING, Phase.MEASURING])
async def test_stopping_keeps_what_is_measured_and_leaves_nothing(
    session: Session, phase: Phase
) -> None:
    task = stub_task({"batch": [1, 2, 4]}, benchmark={"num_concurrency": [1, 2]})
    reached = asyncio.Event()

    def watch(event: Event) -> None:
        first = any(isinstance(e, LevelMeasured) for e in session.events)
        now = event.phase if isinstance(event, PhaseBegan | LevelProgress) else None
        if first and now is phase:
            reached.set()

    running = asyncio.create_task(session.run(task, [watch]))
    await reached.wait()
    running.cancel()
    ending, conclusion = await running
    assert ending.state == "cancelled"
    last = conclusion.experiments[-1]
    assert last.outcome is Outcome.CANCELLED
    assert last.phase is Phase.DONE
    assert sum(len(e.sub_rounds) for e in conclusion.experiments) >= 1
    assert not left_running(session.events)


async def test_stopping_while_a_server_stops_waits_for_its_end(session: Session) -> None:
    running: list[asyncio.Task] = []

    def stop(event: Event) -> None:
        if isinstance(event, PhaseBegan) and event.phase is Phase.STOPPING:
            running[0].cancel()

    task = stub_task({"batch": [4], "stop-seconds": [1]}, optimization={"baseline": False})
    running.append(asyncio.create_task(session.run(task, [stop])))
    ending, conclusion = await running[0]
    assert ending.state == "cancelled"
    (experiment,) = conclusion.experiments
    assert (experiment.outcome, experiment.phase) == (Outcome.OK, Phase.DONE)
    assert not left_running(session.events)


async def test_an_slo_that_breaks_makes_the_run_find_nothing(session: Session) -> None:
    task = stub_task(
        {"batch": [1]},
        optimization={"baseline": False},
        slo={"latency": {"p50": {"threshold": 1e-6, "hard_fail": True}}},
    )
    ending, conclusion = await session.run(task)
    assert ending.best is None
    (experiment,) = conclusion.experiments
    assert experiment.outcome is Outcome.INFEASIBLE
    assert experiment.verdict is not None
    assert experiment.verdict.value is not None


KEY = "k3y-of-this-server"


@pytest.mark.parametrize("way", ["argument", "environment", "inherited"])
async def test_a_server_is_asked_with_the_key_it_was_launched_with(
    session: Session, home: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(Custom, "cache_reset_paths", ("/reset_prefix_cache",))
    engine: dict = {"arguments": {"api-key": KEY}} if way == "argument" else {}
    if way == "environment":
        engine = {"environment": {"VLLM_API_KEY": KEY}}
    if way == "inherited":
        monkeypatch.setenv("VLLM_API_KEY", KEY)
    task = stub_task({"batch": [4]}, engine=engine, optimization={"baseline": False})
    _, conclusion = await session.run(task)
    (experiment,) = conclusion.experiments
    assert experiment.outcome is Outcome.OK, experiment.failure
    assert not any(one.requests.failed for one in experiment.sub_rounds)
    (launched,) = [event for event in session.events if isinstance(event, ServerLaunched)]
    log = Path(launched.log).read_text()
    assert "refused" not in log
    for path in ("/v1/models", "/v1/completions", "/metrics", "/reset_prefix_cache"):
        assert f"admitted {path}" in log
    assert KEY not in " ".join(launched.argv)
    seen = any("a secret stands in the arguments of PID" in one for one in experiment.warnings)
    assert seen is (way == "argument"), "what cannot be hidden is told"
    for file in home.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file


async def test_stopping_a_run_that_has_not_begun_is_said_too(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, running = asyncio.get_running_loop(), []

    def asked_for_the_version(*_: object) -> str:
        loop.call_soon_threadsafe(running[0].cancel)
        time.sleep(0.1)  # a program that is slow to tell it
        return "1"

    monkeypatch.setattr("core.run.runner.installed_version", asked_for_the_version)
    running.append(asyncio.create_task(session.run(stub_task({"batch": [4]}))))
    ending, conclusion = await running[0]
    assert ending.state == "cancelled"
    assert not conclusion.experiments


async def test_stopping_at_the_very_end_changes_nothing(session: Session) -> None:
    running: list[asyncio.Task] = []

    def stop(event: Event) -> None:
        if isinstance(event, RunEnded):
            running[0].cancel()

    task = stub_task({"batch": [4]}, optimization={"baseline": False})
    running.append(asyncio.create_task(session.run(task, [stop])))
    ending, _ = await running[0]
    assert ending.state == "finished"
