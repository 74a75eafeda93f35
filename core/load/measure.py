"""The runner's side of a measurement: load a server with as many processes as it takes.

One worker begins. When it is found to be busy while the load warms up, the load is stopped, another
worker is started, and the level begins anew, shared among them: before the client is saturated, not
after.
"""

import os
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from core.events import SubRound
from core.load.conductor import Conductor
from core.load.crew import Crew
from core.load.files import MOST_BYTES, fetch, is_url
from core.load.observations import Observations
from core.load.plan import LevelPlan, MeasurementError, Progress, RequestTable, Target
from core.load.protocol import Begin, Close, Prepare, Ready
from core.load.records import due_within, pack
from core.load.summary import summarise
from core.load.vocabulary import Vocabulary
from core.machine.cores import Cores

LEAD = 0.05
"""Seconds from the command to begin until the load begins."""
PROGRESS_EVERY = 1.0
"""Seconds between two reports of progress."""
BUSY = 0.7
"""Share of a CPU that a worker may use before it gets help."""


class LoadWorker:
    """The processes that load a server and keep time. Use as an asynchronous context manager.

    They end with the context, and by themselves when the process that started them is gone.
    """

    def __init__(
        self,
        *,
        least_workers: int = 1,
        most_workers: int | None = None,
        cores: Cores | None = None,
    ) -> None:
        """Begin with `least_workers` processes, and take at most `most_workers`.

        By default, that is as many as half the CPUs.

        Args:
            cores: which CPUs are for the load; None: all are for all.
        """
        self._least = least_workers
        self._most = most_workers or max(least_workers, (os.cpu_count() or 1) // 2)
        self._crew = Crew(cores)
        self._round = 0
        self._vocabularies: dict[str, Vocabulary] = {}
        self._fetched: dict[str, str] = {}
        self._folder: TemporaryDirectory[str] | None = None

    async def __aenter__(self) -> Self:
        await self._crew.grow(self._least)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._crew.stop()
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def pids(self) -> list[int]:
        """The numbers of the worker processes."""
        return self._crew.pids

    async def measure(
        self, target: Target, plan: LevelPlan
    ) -> AsyncGenerator[Progress | RequestTable | SubRound, None]:
        """Load `target` as `plan` says; yield progress about once a second, then the results.

        The request table comes last but one, the sub-round last. Closing or cancelling the
        iteration stops the load at once.

        Raises:
            MeasurementError: the level could not be measured: the warm-up or the measurement timed
                out without a single answer, too many requests failed, or a worker died.
        """
        plan = await self._with_local_files(plan)
        halted = False
        try:
            ready = await self._prepare(target, plan)
            seen, conductor = await self._begin(plan)
            settled: set[int] = set()
            reported = seen.began
            while len(settled) < len(self._crew) and not conductor.out_of_time:
                number, tally = await self._crew.tally()
                seen.take(number, tally)
                if tally.settled:
                    settled.add(number)
                borders = conductor.decide()
                if borders is not None:
                    await self._crew.tell(Close(opened=borders[0], closed=borders[1]))
                if conductor.phase == "warming" and self._wants_help(seen):
                    await self._crew.halt()
                    await self._crew.grow(len(self._crew) + 1)
                    ready = await self._prepare(target, plan)
                    seen, conductor = await self._begin(plan)
                if seen.now - reported > PROGRESS_EVERY * 1e9:
                    reported = seen.now
                    yield conductor.progress()
            for number, tally in await self._crew.halt():
                seen.take(number, tally)
            halted = True
        finally:
            if not halted:
                await self._stop_at_once()
        window = conductor.window()
        yield conductor.progress()
        measured = due_within(seen.rows(), window.opened, window.closed)
        yield RequestTable(index=plan.index, data=pack(measured))
        started_at = time.time() - (time.monotonic_ns() - window.opened) / 1e9
        yield summarise(
            plan,
            seen,
            window,
            started_at=started_at,
            stamped=all(worker.stamped for worker in ready),
            floor=ready[0].floor,
        )

    async def _with_local_files(self, plan: LevelPlan) -> LevelPlan:
        """Return the plan with its URLs fetched, each once in the life of this object.

        Raises:
            HostError: one of them cannot be had.
        """
        dataset, trace = plan.dataset, plan.trace
        if dataset is not None and is_url(dataset.source):
            source = await self._fetched_once(dataset.source, dataset.most_mib << 20)
            dataset = dataset.model_copy(update={"source": source})
        if trace is not None and is_url(trace):
            trace = await self._fetched_once(trace, MOST_BYTES)
        return plan.model_copy(update={"dataset": dataset, "trace": trace})

    async def _fetched_once(self, url: str, most_bytes: int) -> str:
        if url not in self._fetched:
            self._folder = self._folder or TemporaryDirectory(prefix="autotuner-load-")
            folder = Path(self._folder.name) / str(len(self._fetched))
            folder.mkdir()
            self._fetched[url] = str(await fetch(url, folder, most_bytes=most_bytes))
        return self._fetched[url]

    async def _prepare(self, target: Target, plan: LevelPlan) -> list[Ready]:
        if len(self._crew) == 0:
            await self._crew.grow(self._least)  # they were ended, as they would not stop
        self._round += 1
        key = target.model_dump_json()
        ready = await self._crew.prepare(
            lambda number: Prepare(
                target=target,
                plan=plan,
                worker=number,
                workers=len(self._crew),
                round=self._round,
                vocabulary=self._vocabularies.get(key),
            )
        )
        self._vocabularies[key] = ready[0].vocabulary
        return ready

    async def _begin(self, plan: LevelPlan) -> tuple[Observations, Conductor]:
        began = time.monotonic_ns() + int(LEAD * 1e9)
        seen = Observations(workers=len(self._crew), began=began)
        await self._crew.tell(Begin(at=began))
        return seen, Conductor(plan, seen)

    def _wants_help(self, seen: Observations) -> bool:
        return len(self._crew) < self._most and seen.busiest() > BUSY

    async def _stop_at_once(self) -> None:
        """Stop the load, whatever it takes: a worker that does not obey is ended."""
        try:
            await self._crew.halt()
        except MeasurementError:
            await self._crew.stop()
