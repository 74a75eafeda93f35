"""One measurement with the load generator, for benchmarks."""

import asyncio
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.events import SubRound
from core.load import LevelPlan, LoadWorker, RequestTable, Target
from core.load.records import unpack
from core.task import Level, Scenario


@dataclass
class Run:
    """What a measurement gave."""

    result: SubRound
    rows: np.ndarray

    @property
    def cpu_per_token(self) -> float:
        """CPU of all workers over the whole load, for each token that arrived, in microseconds."""
        client, series = self.result.client, self.result.series
        assert client is not None
        assert series is not None
        seconds = len(series.output_throughput) * series.step
        tokens = sum(series.output_throughput) * series.step
        return client.cpu_share * client.workers * seconds / tokens * 1e6


def measure(
    url: str,
    *,
    streams: int | None = None,
    rate: float | None = None,
    requests: int,
    scenario: str = "D(100,100)",
    workers: int = 1,
    model: str = "stub",
    **more: Any,
) -> Run:
    """Measure one level and return what it gave."""
    level = Level(
        scenario=Scenario.model_validate(scenario), concurrency=streams, request_rate=rate
    )
    plan = LevelPlan(
        index=0,
        level=level,
        requests=requests,
        **({"max_seconds": 300, "warmup_seconds": 60} | more),
    )

    async def run() -> Run:
        rows = np.empty(0)
        async with LoadWorker(least_workers=workers, most_workers=workers) as worker:
            async for said in worker.measure(Target(base_url=url, model=model), plan):
                if isinstance(said, RequestTable):
                    rows = unpack(said.data)
                elif isinstance(said, SubRound):
                    return Run(said, rows)
        raise AssertionError("no result")

    return asyncio.run(run())
