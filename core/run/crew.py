"""The experiments that are under way at a time, each with a load worker of its own."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from statistics import fmean
from types import TracebackType
from typing import Self

from core.events import Experiment
from core.load import LoadWorker
from core.run.experiment import ExperimentRun
from core.run.orders import Order, Workbench
from core.run.packing import Waiting, first_to_begin
from core.run.steps import Measure

_LOOKAHEAD = 2
"""Experiments that may wait for GPUs, so that one that fits can be found among them."""


class Crew:
    """Begins what waits as soon as it fits. Leaving it ends what is under way."""

    def __init__(self, bench: Workbench, width: int, order: Callable[[Measure], Order]) -> None:
        """Describe the crew.

        Args:
            bench: what all experiments share; its load worker is the first's.
            width: most experiments at a time.
            order: makes an order of what is to be measured; called when it is begun.
        """
        self.width = width
        self.waiting: list[Measure] = []
        self._passed_over: list[int] = []
        self._bench = bench
        self._order = order
        self._running: set[asyncio.Task[Experiment]] = set()
        self._workers = [bench.worker]
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        cores = self._bench.cores
        for _ in range(self.width - 1):
            self._workers.append(await self._stack.enter_async_context(LoadWorker(cores=cores)))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for experiment in self._running:
            experiment.cancel()
        if self._running:
            await asyncio.wait(self._running)
        await self._stack.aclose()

    @property
    def full(self) -> bool:
        """Whether nothing more needs to be proposed for now."""
        lookahead = _LOOKAHEAD if self.width > 1 else 0
        return len(self._running) >= self.width or len(self.waiting) > lookahead

    async def begin_what_fits(self) -> None:
        """Begin what there are GPUs for."""
        self._passed_over += [0] * (len(self.waiting) - len(self._passed_over))
        while len(self._running) < self.width:
            free = self._bench.allocation.free() if self.width > 1 else 0
            place = first_to_begin(self._described(), free, idle=not self._running)
            if place is None:
                return
            self._passed_over = [n + 1 for n in self._passed_over]
            del self._passed_over[place]
            await self._begin(self.waiting.pop(place))

    async def one_over(self) -> None:
        """Wait until an experiment is over, and begin what fits then.

        Raises:
            StoreError: its result could not be kept.
        """
        over, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        self._running -= over
        for experiment in over:
            experiment.result()
        await self.begin_what_fits()

    async def _begin(self, step: Measure) -> None:
        bench = replace(self._bench, worker=self._workers.pop())
        self._running.add(asyncio.create_task(self._conduct(bench, step)))
        await asyncio.sleep(0)  # until it has been said to be under way

    async def _conduct(self, bench: Workbench, step: Measure) -> Experiment:
        try:
            return await ExperimentRun(bench, self._order(step)).conduct()
        finally:
            self._workers.append(bench.worker)

    def _described(self) -> list[Waiting]:
        bench = self._bench
        lived = [e for e in bench.journal.state.experiments.values() if e.ended_at is not None]

        def expected(gpus: int) -> float:
            took = [(e.ended_at or 0.0) - e.began_at for e in lived if len(e.gpus) == gpus]
            return fmean(took) if took else 0.0

        needed = [bench.engine.gpus_needed(bench.task, step.configuration) for step in self.waiting]
        return [
            Waiting(gpus, expected(gpus), passed)
            for gpus, passed in zip(needed, self._passed_over, strict=True)
        ]
