"""Watches the GPUs of a server while it is measured, and says what it saw.

What counts is whether the figures can be trusted: a stranger that computed on the same GPU, or
clocks that were held down, explain a slow measurement better than any flag.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from statistics import fmean
from types import TracebackType
from typing import Self

from core.machine import procfs
from core.machine.gpu_choice import name_of, strangers
from core.machine.gpus import GpuProcess, Gpus, GpuSample


@dataclass(frozen=True)
class GpuRecord:
    """What one GPU did during a measurement. None: it did not tell."""

    uuid: str
    samples: tuple[GpuSample, ...]
    strangers: tuple[str, ...]
    """Processes of others that computed on it meanwhile, in words. Any of them contaminates."""

    @property
    def utilization(self) -> float | None:
        """Mean share of time in which any kernel ran."""
        return _mean([sample.utilization for sample in self.samples])

    @property
    def power_watts(self) -> float | None:
        """Mean power."""
        return _mean([sample.power_watts for sample in self.samples])

    @property
    def peak_used_bytes(self) -> int | None:
        """Most memory that was in use."""
        known = [sample.used_bytes for sample in self.samples if sample.used_bytes is not None]
        return max(known, default=None)

    @property
    def energy_joules(self) -> float | None:
        """Energy from the first sample to the last, by the GPU's own counter."""
        known = [s.energy_joules for s in self.samples if s.energy_joules is not None]
        # A counter that fell was reset by a driver that started anew.
        return known[-1] - known[0] if len(known) > 1 and known[-1] >= known[0] else None

    @property
    def throttled_share(self) -> float:
        """Share of the samples in which something held the clocks down."""
        return fmean(bool(sample.throttled_by) for sample in self.samples) if self.samples else 0.0


class GpuRecorder:
    """Samples GPUs in the background for as long as it is entered."""

    def __init__(
        self,
        gpus: Gpus,
        uuids: Sequence[str],
        ours: Callable[[], Collection[int]],
        *,
        interval: float = 1.0,
    ) -> None:
        """Describe what to watch.

        Args:
            gpus: where to look.
            uuids: the server's GPUs.
            ours: returns the PIDs of the server's processes.
            interval: seconds between two samples.
        """
        self._gpus = gpus
        self._uuids = tuple(uuids)
        self._ours = ours
        self._interval = interval
        self._samples: dict[str, list[GpuSample]] = {uuid: [] for uuid in self._uuids}
        self._strangers: dict[str, dict[int, GpuProcess]] = {uuid: {} for uuid in self._uuids}
        self._at_first: dict[str, set[int]] = {}
        self._over = asyncio.Event()
        self._sampling: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._sampling = asyncio.create_task(self._sample())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._sampling is not None
        self._over.set()
        await self._sampling

    def records(self) -> tuple[GpuRecord, ...]:
        """Return what was seen so far, one record for each GPU."""
        return tuple(
            GpuRecord(
                uuid=uuid,
                samples=tuple(self._samples[uuid]),
                strangers=tuple(name_of(process) for process in self._strangers[uuid].values()),
            )
            for uuid in self._uuids
        )

    async def _sample(self) -> None:
        while not self._over.is_set():
            await asyncio.to_thread(self._look)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), self._interval)
        await asyncio.to_thread(self._look)

    def _look(self) -> None:
        for uuid in self._uuids:
            self._samples[uuid].append(self._gpus.sample(uuid))
            present = self._gpus.processes(uuid)
            if present is None:  # it does not tell, or not now: nobody comes or goes by that
                continue
            self._at_first.setdefault(uuid, {process.pid for process in present})
            # Ours are asked for last, so that a child they fork right now is known.
            ours = {*self._ours()}
            if not procfs.sees_whole_machine():  # NVML's numbers are not those we know ours by
                ours |= self._at_first[uuid]
            for process in strangers(present, ours):
                self._strangers[uuid].setdefault(process.pid, process)


def _mean(figures: Sequence[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return fmean(known) if known else None
