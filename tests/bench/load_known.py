"""Known answers: `python -m tests.bench.load_known [RUNS [AT_ONCE [FIRST [CASE]]]]`; 200 runs each.

A stub draws bimodal TTFTs with jitter, stalls between tokens, tokens in bursts, 503s and 200s
without a token, by a seeded script. What each percentile truly is can be computed from the script
alone, and the stub's own mean lateness. A figure is right when that lies within the 95 % interval
that is printed with it. Runs share the machine, which is why the stub's latencies are long against
its lateness. Cases: stalls, bursts, and tails, whose requests are enough for P99 and P99.9.
"""

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass

import numpy as np

from core.events import SubRound
from core.load import LevelPlan, LoadWorker, Target
from core.task import STATISTICS, Level, Scenario
from tests.bench.load_stub import Stub

TOKENS, TIMEOUT = 8, 20.0
TTFT, ITL = 0.040, 0.006
JITTER, SLOW, SLOWER, STALL, STALLED = 0.060, 0.25, 0.120, 0.30, 0.050
"""So that no percentile falls where a distribution has an edge: a busy machine blurs that."""


@dataclass(frozen=True)
class Case:
    """A script of the server, and how it is loaded."""

    streams: int = 8
    requests: int = 160
    burst: int = 1
    refuse: float = 0.015
    empty: float = 0.005

    def stub(self, seed: int) -> Stub:
        return Stub(
            TTFT,
            ITL,
            seed=seed,
            jitter=JITTER * 1e6,
            slow=SLOW,
            slow_us=SLOWER * 1e6,
            pace=1.0,
            stall=STALL,
            stall_us=STALLED * 1e6,
            burst=self.burst,
            refuse=self.refuse,
            empty=self.empty,
        )

    def truth(self, seed: int = 1, count: int = 300_000) -> dict[str, float]:
        """Return what the script makes of every metric, by draws of another generator."""
        rng = np.random.default_rng(seed)
        ttft = TTFT + rng.random(count) * JITTER + SLOWER * (rng.random(count) < SLOW)
        pace = self.burst * ITL * (1 + rng.random((count, 1)))
        later = np.arange(1, TOKENS) % self.burst == 0
        gaps = later * (pace + STALLED * (rng.random((count, TOKENS - 1)) < STALL))
        failed = (rng.random(count) < self.refuse) | (rng.random(count) < self.empty)
        stream = gaps.sum(axis=1)
        owed = np.full(TOKENS * np.count_nonzero(failed), TIMEOUT)
        counted = {
            "ttft": np.where(failed, TIMEOUT, ttft),
            "tpot": np.where(failed, TIMEOUT, stream / (TOKENS - 1)),
            "e2e_latency": np.where(failed, TIMEOUT, ttft + stream),
            "itl": np.concatenate([gaps[~failed].ravel(), owed]),
        }
        found: dict[str, float] = {}
        for family, values in counted.items():
            ranked = np.sort(values)
            found[f"{family}_mean"] = float(ranked.mean())
            for name in STATISTICS[1:]:
                place = int(np.ceil(float(name[1:]) / 100 * len(ranked))) - 1
                found[f"{family}_{name}"] = float(ranked[place])
        return found


CASES = {
    "stalls": Case(),
    "bursts": Case(burst=2),
    "tails": Case(streams=64, requests=4_000, refuse=0.0, empty=0.0),
}


async def one(worker: LoadWorker, case: Case, seed: int) -> tuple[SubRound, float]:
    """Return the result of a run, and the mean lateness of its server in seconds."""
    result = None
    level = Level(scenario=Scenario.model_validate(f"D(20,{TOKENS})"), concurrency=case.streams)
    plan = LevelPlan(
        index=0,
        level=level,
        requests=case.requests,
        max_seconds=60,
        warmup_seconds=20,
        request_timeout=TIMEOUT,
        seed=seed,
    )
    stub = case.stub(seed)
    with stub:
        async for said in worker.measure(Target(base_url=stub.url, model="stub"), plan):
            if isinstance(said, SubRound):
                result = said
    assert result is not None
    streamed = stub.truth[stub.truth["first"] > 0]
    return result, float(streamed["late"].sum() / streamed["tokens"].sum()) / 1e9


async def every(case: Case, runs: int, at_once: int, first: int) -> list[tuple[SubRound, float]]:
    seeds = iter(range(first, first + runs))

    async def some() -> list[tuple[SubRound, float]]:
        async with LoadWorker() as worker:
            return [await one(worker, case, seed) for seed in seeds]

    return [one for part in await asyncio.gather(*(some() for _ in range(at_once))) for one in part]


def coverage(case: Case, results: list[tuple[SubRound, float]]) -> dict[str, tuple[int, int]]:
    """Return for each metric how often its interval held the truth, and how often it had one."""
    held: Counter[str] = Counter()
    stated: Counter[str] = Counter()
    for name, true in case.truth().items():
        family, _, statistic = name.rpartition("_")
        for result, late in results:
            ends = getattr(result, family).intervals.get(statistic)
            if ends is None:
                continue
            stated[name] += 1
            # Half a per cent, or a tenth of a millisecond, for the way through two kernels.
            expected = true + (late if family in {"ttft", "e2e_latency"} else 0.0)
            low, high = (
                end + way * max(1e-4, 0.005 * end) for end, way in zip(ends, (-1, 1), strict=True)
            )
            held[name] += low <= expected <= high
    return {name: (held[name], stated[name]) for name in stated}


def report(name: str, results: list[tuple[SubRound, float]]) -> None:
    found = coverage(CASES[name], results)
    runs = len(results)
    print(f"{name}: {runs} runs, truth within the printed interval (target ≥ 95 %)")
    for metric, (held, stated) in found.items():
        print(f"  {metric:20} {held / stated:7.1%} of {stated}")
    total, all_held = sum(n for _, n in found.values()), sum(n for n, _ in found.values())
    print(f"  {'all figures':20} {all_held / total:7.1%} of {total}")
    kinds = Counter(kind for one, _ in results for kind in one.requests.failed)
    print(f"  lateness of the server: {sum(late for _, late in results) / runs * 1e3:.2f} ms")
    print(
        f"  failures seen: {dict(kinds)}, bound {sum(one.client.bound for one, _ in results)}",
        flush=True,
    )


def main() -> None:
    runs, at_once, first = map(int, (sys.argv[1:4] + ["200", "8", "0"][len(sys.argv) - 1 :])[:3])
    for name in sys.argv[4:] or CASES:
        report(name, asyncio.run(every(CASES[name], runs, at_once, first)))


if __name__ == "__main__":
    main()
