"""A store with everything in it that the screens show, the same at every time."""

import math
import sqlite3
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

from core.events import (
    Argument,
    Event,
    ExperimentJudged,
    ExperimentQueued,
    Failure,
    FailureKind,
    GpuUse,
    LevelMeasured,
    Phase,
    PhaseBegan,
    RunBegan,
    RunEnded,
    RunState,
    SearchAdvanced,
    ServerAccount,
    ServerDescribed,
    ServerMetrics,
    SubRound,
    TimeSeries,
)
from core.store import Store, StoredTask
from core.task import Configuration, FlagValue, Reading, parse_task, spell
from core.verdict import best, judge
from tests.builders import SERVER, distribution, launched, outcome_of, sub_round
from tests.report.runs import TEXT as CHAT
from tests.report.runs import chat_events

START = 1_700_000_000.0

RAG = """\
task_name: rag-long-context
model: {id_or_path: Qwen/Qwen3-32B}
base_runtime: simulated
parameters:
  tp-size: [1, 2, 4]
  chunked-prefill-size: [2048, 8192, 32768]
  schedule-policy: [fcfs, lpm]
optimization: {objective: maximize_throughput, strategy: grid_search}
benchmark: {traffic_scenarios: ["D(4096,256)"], num_concurrency: [8, 32]}
engine: {environment: {HF_TOKEN: <secret>, NCCL_DEBUG: WARN}}
slo:
  latency: {p90: {threshold: 6.5, hard_fail: true, fail_ratio: 0.1}}
  ttft: {mean: {threshold: 1.2, weight: 2}}
"""

DRAFT = """\
task_name: draft
model: {id_or_path: tiny}
base_runtime: simulated
parameters: {page-size: [1, 16]}
"""


def reading(text: str) -> Reading:
    return parse_task(text)


def configurations() -> list[dict[str, FlagValue]]:
    chunks, policies = (2048, 8192, 32768), ("fcfs", "lpm")
    return [
        {},
        *(
            {"tp-size": tp, "chunked-prefill-size": chunk, "schedule-policy": policy}
            for tp, chunk, policy in product((1, 2, 4), chunks, policies)
        ),
    ]


def measured(number: int, flags: Mapping[str, FlagValue], index: int, concurrency: int) -> SubRound:
    """Figures that follow from the flags by a formula, with series and GPU samples."""
    tp = int(flags.get("tp-size", 1) or 1)
    chunk = int(flags.get("chunked-prefill-size", 8192) or 1)
    lpm = flags.get("schedule-policy") == "lpm"
    speed = tp**0.8 * (1.15 if lpm else 1.0) * (1 + 0.05 * math.log2(chunk / 2048))
    e2e = 5.2 / speed * (1 + index * 0.9)
    ttft = 0.8 / speed * (1 + index) * (chunk / 8192) ** 0.2
    made = sub_round(
        index,
        e2e=distribution(e2e, p90=e2e * 1.25, p95=e2e * 1.3, p99=e2e * 1.6, p999=e2e * 1.7),
        ttft=ttft,
        tpot=e2e / 300,
        throughput=2200 * speed * (1 + index * 0.6),
        concurrency=concurrency,
        gpus=tp,
        failed={"timeout": 2} if number == 7 else None,
    )
    seconds = range(-5, 30)
    series = TimeSeries(
        began=-5.0,
        step=1.0,
        output_throughput=tuple(1000 * speed + 60 * math.sin(s) for s in seconds),
        in_flight=tuple(float(concurrency) if s > -3 else concurrency / 2 for s in seconds),
        ttft=tuple(None if s % 9 == 4 else ttft * (1 + 0.1 * math.cos(s)) for s in seconds),
    )
    gpu = tuple(
        GpuUse(
            uuid=f"GPU-{at}f3c0d9e-aaaa",
            utilization=0.93,
            power=612.0,
            peak_memory=71 << 30,
            throttled_share=0.0,
            course=tuple(
                (made.started_at + s, 0.9 + 0.08 * math.sin(s / 3), 600.0 + 5 * (s % 7),
                 (60 + s // 3) << 30, 55.0 + s / 3)
                for s in range(30)
            ),
        )
        for at in range(min(2, tp))
    )  # fmt: skip
    level = reading(RAG).task.levels()[index]
    return made.model_copy(
        update={
            "level": level,
            "series": series,
            "gpu_use": gpu,
            "steady": True,
            "server": _server(made, concurrency),
        }
    )


def _server(of: SubRound, concurrency: int) -> ServerMetrics:
    course = tuple(
        (
            of.started_at + second,
            concurrency - 2 + math.sin(second),
            2 - math.sin(second),
            min(1.0, 0.3 + second / 40),
        )
        for second in range(30)
    )
    return ServerMetrics(
        prompt_tokens=of.input_throughput * of.duration,
        output_tokens=of.output_throughput * of.duration * 1.02,
        running=concurrency - 2.0,
        running_peak=concurrency - 1.0,
        queued=2.0,
        queued_peak=3.0,
        kv_usage=0.66,
        kv_usage_peak=1.0,
        preemptions=7.0,
        cache_hit_rate=0.25,
        samples=30,
        course=course,
    )


def rag_events(logs: Path, *, until: int | None = None) -> Iterator[Event]:
    """A run of nineteen experiments of two levels; `until` ends it in the middle of that one."""
    task = reading(RAG).task
    space = configurations()
    yield RunBegan(
        at=START,
        engine="simulated",
        engine_version="1.0",
        simulated=True,
        levels=task.levels(),
        space_size=18,
        planned=len(space),
        runner=SERVER,
    )
    state = RunState()
    at = START
    for number, flags in enumerate(space):
        for event in _experiment(number, flags, at, logs):
            state.apply(event)
            yield event
            at = event.at
            if until == number and isinstance(event, LevelMeasured):
                return
        winner = best(state.experiments.values())
        left = len(space) - number - 1
        yield SearchAdvanced(
            at=at, best=winner.number if winner else None, remaining=left, eta=60.0 * left
        )
    winner = best(state.experiments.values())
    yield RunEnded(
        at=at, state="finished", reason="every configuration has been tried",
        best=winner.number if winner else None,
    )  # fmt: skip


def _experiment(
    number: int, flags: Mapping[str, FlagValue], at: float, logs: Path
) -> Iterator[Event]:
    task = reading(RAG).task
    failure = (
        Failure(
            kind=FailureKind.OUT_OF_MEMORY,
            message="no memory was left for the KV cache",
            evidence="torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 8.00 GiB",
            advice="lower mem-fraction-static, or raise tp-size",
        )
        if number == 6
        else None
    )
    argv = ["python3", "-m", "sglang.launch_server", "--model-path", task.model.id_or_path]
    for flag, value in flags.items():
        argv += [f"--{flag}", spell(value)]
    yield ExperimentQueued(
        at=at,
        experiment=number,
        configuration=Configuration(flags),
        origin="search" if flags else "baseline",
        reason="next of the grid" if flags else "the engine's own defaults",
    )
    yield PhaseBegan(at=at + 0.5, experiment=number, phase=Phase.STARTING, detail="loading weights")
    gpus = tuple(f"GPU-{n}f3c0d9e-aaaa" for n in range(int(flags.get("tp-size", 1) or 1)))
    yield launched(number, at + 1, argv, log=str(logs / f"{number}.log"), gpus=gpus)
    arguments = tuple(
        Argument(flag=flag, asked=value, in_force=None if flag == "tp-size" else value)
        for flag, value in flags.items()
    )
    account = ServerAccount(version="0.5.2", arguments=arguments)
    if failure is None:
        yield ServerDescribed(at=at + 20, experiment=number, account=account)
    rounds = []
    at += 21
    for index, concurrency in enumerate((8, 32)):
        if failure is not None:
            break
        yield PhaseBegan(at=at, experiment=number, phase=Phase.WARMING, detail=f"level {index + 1}")
        yield PhaseBegan(at=at + 5, experiment=number, phase=Phase.MEASURING)
        rounds.append(measured(number, flags, index, concurrency))
        yield LevelMeasured(at=at + 35, experiment=number, sub_round=rounds[-1])
        at += 35
    verdict = judge(rounds, task.slo, task.optimization.objective, levels=2) if rounds else None
    outcome = outcome_of(verdict, failure)
    yield ExperimentJudged(
        at=at, experiment=number, outcome=outcome, verdict=verdict, failure=failure
    )
    yield PhaseBegan(at=at + 1, experiment=number, phase=Phase.STOPPING)
    yield PhaseBegan(at=at + 3, experiment=number, phase=Phase.DONE)


async def fill(home: Path, logs: Path) -> None:
    """Make the store: a finished run of nineteen, one of five, one that was cut off, a draft."""
    async with Store.open(home / "autotuner.db") as store:
        chat = await _task(store, CHAT, "chat.yaml")
        await store.record(chat.id, *chat_events())
        rag = await _task(store, RAG, "rag.yaml")
        await store.record(rag.id, *rag_events(logs))
        cut = await _task(store, RAG, "rag.yaml")
        await store.claim(cut.id, SERVER, lambda _: False)
        await store.record(cut.id, *rag_events(logs, until=4))
        await _task(store, DRAFT, "draft.yaml")
    with sqlite3.connect(home / "autotuner.db") as connection:
        connection.execute("UPDATE task SET created_at = ? + 3600 * id", (START,))
    connection.close()


async def _task(store: Store, text: str, source: str) -> StoredTask:
    found = reading(text)
    return await store.create_task(found.text, found.task, source)


CHAT_ID, RAG_ID, CUT_ID, DRAFT_ID = 1, 2, 3, 4
RAG_BEST = 12
