"""Does the client know when it proves nothing? `python -m tests.bench.load_selfcheck
[RUNS [PART [FIRST]]]`: starved, unstamped or calm.

Runs of a stub of known truth while the load worker is starved: stopped and continued again and
again for a share of the time that is drawn anew for each run, or on one CPU with busy programs;
with and without the kernel's arrival times. A run is wrong where its mean TTFT or TPOT is off by
over 5 % of the truth. Targets: ≥ 99 % of wrong runs are marked, and ≤ 2 % of the runs of up to 32
streams that nobody starved.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from core.events import SubRound
from core.load import LevelPlan, LoadWorker, MeasurementError, RequestTable, Target
from core.load.records import unpack
from core.task import Level, Scenario
from tests.bench.load_stub import Stub

WRONG = 0.05
TTFT, ITL, TOKENS = 0.05, 0.01, 30
AT_ONCE = 4
"""Starved runs at a time."""
HOG = "while True: pass"
UNSTAMPED = "import core.load.stamped as s; s.KERNEL_STAMPS = False\n"
"""What a worker without the kernel's arrival times runs first."""


async def _starve(worker: LoadWorker, rng: np.random.Generator) -> None:
    """Take the CPU from the worker: stopped for `stop` out of every `period` seconds."""
    if rng.random() < 0.3:
        await _crowd(worker)
    period = rng.uniform(0.02, 0.4)
    stop = period * rng.uniform(0.1, 0.9)
    while True:
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in worker.pids:
                os.kill(pid, number)
            await asyncio.sleep(stop if number is signal.SIGSTOP else period - stop)


async def _crowd(worker: LoadWorker) -> None:
    """Take the CPU from the worker: it shares one with busy programs, and yields to them."""
    cpu = max(os.sched_getaffinity(0))
    for pid in worker.pids:
        os.sched_setaffinity(pid, {cpu})
        os.setpriority(os.PRIO_PROCESS, pid, 10)
    busy = [await asyncio.create_subprocess_exec(sys.executable, "-c", HOG) for _ in range(2)]
    for one in busy:
        os.sched_setaffinity(one.pid, {cpu})
    try:
        await asyncio.Event().wait()
    finally:
        for one in busy:
            one.kill()


async def once(streams: int, seed: int, *, starved: bool) -> tuple[float, float, bool] | None:
    """Return the errors of TTFT and TPOT as shares of the truth, and whether the run is marked."""
    rng = np.random.default_rng(seed)
    level = Level(scenario=Scenario.model_validate(f"D(20,{TOKENS})"), concurrency=streams)
    plan = LevelPlan(
        index=0,
        level=level,
        requests=max(16, 4 * streams),
        max_seconds=15,
        warmup_seconds=3,
        request_timeout=10,
    )
    result, rows = None, np.empty(0)
    stub = Stub(TTFT, ITL)
    with stub:
        async with LoadWorker(most_workers=1) as worker:
            starving = asyncio.create_task(_starve(worker, rng)) if starved else None
            try:
                async for said in worker.measure(Target(base_url=stub.url, model="stub"), plan):
                    if isinstance(said, RequestTable):
                        rows = unpack(said.data)
                    elif isinstance(said, SubRound):
                        result = said
            except MeasurementError:
                return None  # nothing is reported, so nothing is wrong
            finally:
                if starving is not None:
                    starving.cancel()
                for pid in worker.pids:
                    os.kill(pid, signal.SIGCONT)
    assert result is not None
    assert result.client is not None
    rows = rows[rows["ending"] == 0]
    truth = stub.answers_to(rows["sent"])
    true_ttft = (truth["first"] - rows["sent"]).mean()
    # A request counts from the moment it was due; in closed loop that is when it was sent.
    ttft = (rows["first"] - rows["due"]).mean()
    true_tpot = ((truth["last"] - truth["first"]) / (truth["tokens"] - 1)).mean()
    tpot = ((rows["last"] - rows["first"]) / (rows["output_tokens"] - 1)).mean()
    return abs(ttft / true_ttft - 1), abs(tpot / true_tpot - 1), result.client.bound


async def several(numbers: range, *, starved: bool) -> list[tuple[float, float, bool]]:
    """Make the runs; starved ones several at a time, which starves them a little more."""
    streams = (8, 32, 64, 128) if starved else (1, 4, 8, 16, 32)
    places = asyncio.Semaphore(AT_ONCE if starved else 1)

    async def one(number: int) -> tuple[float, float, bool] | None:
        async with places:
            return await once(streams[number % len(streams)], number, starved=starved)

    found = await asyncio.gather(*map(one, numbers))
    return [one for one in found if one is not None]


def report(title: str, starved: list[tuple[float, float, bool]]) -> None:
    wrong = [run for run in starved if max(run[:2]) > WRONG]
    marked = sum(run[2] for run in wrong)
    worst = max((max(run[:2]) for run in starved if not run[2]), default=0.0)
    print(
        f"{title}: {len(starved)} starved runs, {len(wrong)} off by over 5 %, {marked} of them"
        f" marked; worst error of an unmarked run {worst:.1%}; {len(starved) - len(wrong)} not off,"
        f" {sum(run[2] for run in starved) - marked} of them marked",
        flush=True,
    )


def main() -> None:
    parts = sys.argv[2:3] or ["starved", "unstamped", "calm"]
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    numbers = range(first, first + (int(sys.argv[1]) if len(sys.argv) > 1 else 20))
    if "starved" in parts:
        report("kernel's stamps", asyncio.run(several(numbers, starved=True)))
    if "unstamped" in parts:
        with TemporaryDirectory() as folder:
            Path(folder, "sitecustomize.py").write_text(UNSTAMPED)
            os.environ["PYTHONPATH"] = folder
            report("loop's stamps", asyncio.run(several(numbers, starved=True)))
            del os.environ["PYTHONPATH"]
    if "calm" in parts:
        calm = asyncio.run(several(numbers, starved=False))
        false = sum(run[2] for run in calm if max(run[:2]) <= WRONG)
        print(f"up to 32 streams, not starved: {len(calm)} runs, {false} marked without reason")


if __name__ == "__main__":
    main()
