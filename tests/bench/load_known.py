"""Known answers: `python -m tests.bench.load_known [RUNS [AT_ONCE [FIRST]]]`, by default 200 runs.

A stub draws bimodal TTFTs with jitter, stalls between tokens, 503s and 200s without a token, by a
seeded script. What each percentile truly is can be computed from the script alone, and the stub's
own mean lateness. A figure is right when that lies within the 95 % interval that is printed with
it. Runs share the machine, which is why the stub's latencies are long against its lateness.
"""

import asyncio
import sys
from collections import Counter

import numpy as np

from core.events import SubRound
from core.load import LevelPlan, LoadWorker, Target
from core.task import STATISTICS, Level, Scenario
from tests.bench.load_stub import Stub

STREAMS, TOKENS, REQUESTS, TIMEOUT = 8, 8, 160, 20.0
TTFT, ITL = 0.040, 0.006
SCRIPT = {
    "jitter": 60_000,
    "slow": 0.25,
    "slow_us": 120_000,
    "pace": 1.0,
    "stall": 0.05,
    "stall_us": 50_000,
    "refuse": 0.015,
    "empty": 0.005,
}


def truth(seed: int = 1, count: int = 1_000_000) -> dict[str, float]:
    """Return what the script makes of every metric, by a million draws of another generator."""
    rng = np.random.default_rng(seed)
    ttft = TTFT + rng.random(count) * 0.060 + 0.120 * (rng.random(count) < 0.25)
    stalls = rng.binomial(TOKENS - 1, 0.05, count)
    stream = (TOKENS - 1) * ITL * (1 + rng.random(count)) + stalls * 0.050
    failed = (rng.random(count) < 0.015) | (rng.random(count) < 0.005)
    found: dict[str, float] = {}
    for family, values in (
        ("ttft", ttft),
        ("tpot", stream / (TOKENS - 1)),
        ("e2e_latency", ttft + stream),
    ):
        counted = np.where(failed, TIMEOUT, values)
        ranked = np.sort(counted)
        for statistic in STATISTICS:
            share = 0.5 if statistic == "mean" else float(statistic[1:]) / 100
            found[f"{family}_{statistic}"] = (
                float(counted.mean())
                if statistic == "mean"
                else float(ranked[int(np.ceil(share * count)) - 1])
            )
    return found


async def one(worker: LoadWorker, seed: int) -> tuple[SubRound, float]:
    """Return the result of a run, and the mean lateness of its server in seconds."""
    result = None
    level = Level(scenario=Scenario.model_validate(f"D(20,{TOKENS})"), concurrency=STREAMS)
    plan = LevelPlan(
        index=0,
        level=level,
        requests=REQUESTS,
        max_seconds=60,
        warmup_seconds=20,
        request_timeout=TIMEOUT,
        seed=seed,
    )
    stub = Stub(TTFT, ITL, seed=seed, **SCRIPT)
    with stub:
        async for said in worker.measure(Target(base_url=stub.url, model="stub"), plan):
            if isinstance(said, SubRound):
                result = said
    assert result is not None
    streamed = stub.truth[stub.truth["first"] > 0]
    return result, float(streamed["late"].sum() / streamed["tokens"].sum()) / 1e9


async def every(runs: int, at_once: int, first: int = 0) -> list[tuple[SubRound, float]]:
    seeds = iter(range(first, first + runs))

    async def some() -> list[tuple[SubRound, float]]:
        async with LoadWorker() as worker:
            return [await one(worker, seed) for seed in seeds]

    return [one for part in await asyncio.gather(*(some() for _ in range(at_once))) for one in part]


def coverage(results: list[tuple[SubRound, float]]) -> dict[str, tuple[int, int]]:
    """Return for each metric how often its interval held the truth, and how often it had one."""
    held: Counter[str] = Counter()
    stated: Counter[str] = Counter()
    for name, true in truth().items():
        family, _, statistic = name.rpartition("_")
        for result, late in results:
            ends = getattr(result, family).intervals.get(statistic)
            if ends is None:
                continue
            stated[name] += 1
            # Half a per cent for the way through two kernels, as the histogram has.
            expected = true + (0.0 if family == "tpot" else late)
            held[name] += ends[0] * 0.995 <= expected <= ends[1] * 1.005
    return {name: (held[name], stated[name]) for name in stated}


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    at_once = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    results = asyncio.run(every(runs, at_once, first))
    found = coverage(results)
    print(f"known answers: {runs} runs, truth within the printed interval (target ≥ 95 %)")
    for name, (held, stated) in found.items():
        print(f"  {name:20} {held / stated:7.1%} of {stated}")
    total, all_held = sum(n for _, n in found.values()), sum(n for n, _ in found.values())
    print(f"  {'all figures':20} {all_held / total:7.1%} of {total}")
    kinds = Counter(kind for one, _ in results for kind in one.requests.failed)
    print(f"  lateness of the server: {sum(late for _, late in results) / runs * 1e3:.2f} ms")
    print(f"  failures seen: {dict(kinds)}, bound {sum(one.client.bound for one, _ in results)}")


if __name__ == "__main__":
    main()
