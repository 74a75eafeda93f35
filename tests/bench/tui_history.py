"""A store with a long run in it that goes on: `python -m tests.bench.tui_history HOME COUNT|live`.

The figures follow from a formula and are nobody's; only their number and their pace count here.
`live` takes the run up and records what a runner would: a report of progress every second, and an
experiment's end every six.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from core.events import (
    Event,
    ExperimentJudged,
    ExperimentQueued,
    LevelMeasured,
    LevelProgress,
    Outcome,
    Phase,
    PhaseBegan,
    RunBegan,
    SearchAdvanced,
)
from core.machine import identity
from core.store import Store
from core.task import Configuration, parse_task
from core.verdict import judge
from tests.builders import distribution, sub_round

TASK = """\
task_name: long
model: {id_or_path: Qwen/Qwen3-32B}
base_runtime: simulated
parameters:
  tp-size: [1, 2, 4, 8]
  chunked-prefill-size: [1024, 2048, 4096, 8192, 16384, 32768]
  schedule-policy: [fcfs, lpm]
  page-size: [1, 16, 32, 64]
optimization: {objective: maximize_throughput, max_iterations: 20000}
benchmark: {traffic_scenarios: ["D(4096,256)"], num_concurrency: [8]}
slo:
  latency: {p90: {threshold: 6.5, hard_fail: true, fail_ratio: 0.1}}
  ttft: {mean: {threshold: 1.2, weight: 2}}
"""
READING = parse_task(TASK)
PLANNED = 20_000
SECONDS = 6
"""How long an experiment takes while the run goes on."""


def began(at: float) -> RunBegan:
    return RunBegan(
        at=at, engine="simulated", engine_version="1.0", simulated=True,
        levels=READING.task.levels(), space_size=PLANNED, planned=PLANNED,
        runner=identity.myself(),
    )  # fmt: skip


def begins(number: int, at: float) -> Iterator[Event]:
    flags = {
        "tp-size": 2 ** (number % 4),
        "chunked-prefill-size": 1024 << number % 6,
        "schedule-policy": ("fcfs", "lpm")[number // 6 % 2],
        "page-size": (1, 16, 32, 64)[number // 12 % 4],
    }
    yield ExperimentQueued(
        at=at, experiment=number, configuration=Configuration(flags if number else {}),
        origin="search" if number else "baseline", reason="near the best so far",
    )  # fmt: skip
    yield PhaseBegan(at=at, experiment=number, phase=Phase.STARTING, detail="loading weights")
    yield PhaseBegan(at=at, experiment=number, phase=Phase.MEASURING)


def progress(number: int, elapsed: float, at: float) -> LevelProgress:
    return LevelProgress(
        at=at, experiment=number, index=0, phase=Phase.MEASURING, elapsed=elapsed,
        done=int(elapsed * 37), planned=37 * SECONDS, failed=0,
        output_throughput=1500 + (number * 7 + elapsed * 131) % 400,
        ttft=0.4 + (elapsed * 0.013) % 0.1,
    )  # fmt: skip


def ends(number: int, at: float) -> Iterator[Event]:
    share = number * 0.618 % 1
    e2e = 4 + 5 * share
    made = sub_round(
        e2e=distribution(e2e, p90=e2e * 1.2, p95=e2e * 1.3, p99=e2e * 1.6),
        ttft=0.4 + 1.2 * (number * 0.414 % 1),
        throughput=1500 + 2500 * (number * 0.732 % 1),
    ).model_copy(update={"level": READING.task.levels()[0], "steady": True})
    verdict = judge([made], READING.task.slo, READING.task.optimization.objective, levels=1)
    yield LevelMeasured(at=at, experiment=number, sub_round=made)
    yield ExperimentJudged(
        at=at, experiment=number, verdict=verdict,
        outcome=Outcome.OK if verdict.feasible else Outcome.INFEASIBLE,
    )  # fmt: skip
    yield PhaseBegan(at=at, experiment=number, phase=Phase.DONE)
    yield SearchAdvanced(at=at, best=None, remaining=PLANNED - number, eta=3600.0)


async def fill(home: Path, experiments: int) -> None:
    """Make the store, with this many experiments in its one task."""
    home.mkdir(mode=0o700, exist_ok=True)
    async with Store.open(home / "autotuner.db") as store:
        task = await store.create_task(READING.text, READING.task, "long.yaml")
        now = time.time() - experiments
        await store.record(task.id, began(now))
        for first in range(0, experiments, 100):
            events: list[Event] = []
            for number in range(first, min(first + 100, experiments)):
                events += begins(number, now + number)
                events += ends(number, now + number + 0.9)
            await store.record(task.id, *events)


async def go_on(home: Path) -> None:
    """Take the run up, and record its life until somebody ends this process."""
    async with Store.open(home / "autotuner.db") as store:
        task_id = 1
        await store.claim(task_id, identity.myself(), identity.is_alive)
        state = await store.resume(task_id)
        await store.record(task_id, began(time.time()))
        for number in count(max(state.experiments, default=-1) + 1):
            await store.record(task_id, *begins(number, time.time()))
            for elapsed in range(SECONDS):
                await store.record(task_id, progress(number, elapsed, time.time()))
                await asyncio.sleep(1.0)
            await store.record(task_id, *ends(number, time.time()))


if __name__ == "__main__":
    where, what = Path(sys.argv[1]), sys.argv[2]
    asyncio.run(go_on(where) if what == "live" else fill(where, int(what)))
