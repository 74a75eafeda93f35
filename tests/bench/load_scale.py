"""How much load is borne, and what it costs: `python -m tests.bench.load_scale [PART]`.

Streams     4,096 at once, a token each 0.4 s: are all of them held without an error?
Memory      of worker and runner together, for each finished request: from the growth between a
            short and a long load, of few tokens each and of many
Workers     tokens for each CPU second of two workers, as a share of one worker's, at a rate that
            both bear. Where server and workers have cores of their own, that is the share of W
            times one worker's throughput that W reach
"""

import asyncio
import sys

import psutil

from core.events import SubRound
from core.load import LevelPlan, LoadWorker, Target
from core.task import Level, Scenario
from tests.bench.load_run import measure
from tests.bench.load_stub import Stub


def streams(count: int = 4096) -> dict[str, float]:
    with Stub(ttft=0.4, itl=0.4) as stub:
        run = measure(stub.url, streams=count, requests=count * 2, scenario="D(20,10)", workers=2)
    client = run.result.client
    assert client is not None
    return {
        "streams": count,
        "requests": run.result.requests.sent,
        "failed": sum(run.result.requests.failed.values()),
        "tokens/s of ideal, %": run.result.output_throughput / (count * 10 / 4.0) * 100,
        "bound": client.bound,
    }


async def _memory(url: str, requests: int, tokens: int) -> tuple[int, int]:
    """Return bytes in use by runner and worker after a load, and the requests it had."""
    level = Level(scenario=Scenario.model_validate(f"D(20,{tokens})"), concurrency=128)
    plan = LevelPlan(index=0, level=level, requests=requests, max_seconds=120)
    async with LoadWorker() as worker:
        used = sent = 0
        async for said in worker.measure(Target(base_url=url, model="stub"), plan):
            processes = [psutil.Process(), *map(psutil.Process, worker.pids)]
            used = max(used, sum(process.memory_info().rss for process in processes))
            if isinstance(said, SubRound):
                sent = said.requests.sent
    return used, sent


def memory(tokens: int, itl: float) -> float:
    """Return bytes for each finished request."""
    found = []
    for requests in (2_000, 2_000, 42_000):
        with Stub(ttft=0.002, itl=itl) as stub:
            found.append(asyncio.run(_memory(stub.url, requests, tokens)))
    (_, _), (small, few), (large, many) = found  # the first has warmed this process up
    return (large - small) / (many - few)


def workers(streams: int = 512) -> float:
    """Return tokens for each CPU second of two workers, as a share of one's."""
    costs = []
    for count in (1, 2):
        with Stub(itl=0.02) as stub:
            run = measure(stub.url, streams=streams, requests=streams * 4, workers=count)
        costs.append(run.cpu_per_token)
    return costs[0] / costs[1]


def main() -> None:
    asked = sys.argv[1:] or ["streams", "workers", "memory"]
    if "streams" in asked:
        print("4,096 streams:", streams())
    if "workers" in asked:
        print(f"two workers: {workers():.2f} of twice one (target ≥ 0.85)")
    for tokens, itl in () if "memory" not in asked else ((2, 0.002), (20, 0.0005)):
        size = memory(tokens, itl)
        print(
            f"memory: {size:,.0f} bytes a request of {tokens} tokens (target ≤ 1,536)", flush=True
        )


if __name__ == "__main__":
    main()
