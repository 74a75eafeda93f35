"""The load worker processes: started, spoken to, listened to, and ended. They do not outlive us."""

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Callable
from typing import Self, TypeAlias

from core.events import Failure, FailureKind
from core.load.plan import MeasurementError
from core.load.protocol import Broken, Halt, Message, Ready, Report, Tally, line, read_report
from core.machine.cores import Cores, keep_to

LONGEST_LINE = 64 * 2**20
GOODBYE = 5.0
"""Seconds a worker has to halt its load, or to end, before it is killed."""

Heard: TypeAlias = tuple[int, Report | Failure]
"""A worker's number, and what it said; a failure is its death."""


class WorkerProcess:
    """One `core.load.worker`. It ends when its stdin does."""

    def __init__(self, process: asyncio.subprocess.Process, number: int) -> None:
        self._process = process
        self._number = number
        self._complaints: deque[str] = deque(maxlen=20)
        self._listening: list[asyncio.Task[None]] = []

    @classmethod
    async def start(cls, number: int, heard: "asyncio.Queue[Heard]") -> Self:
        """Start a worker, in a session of its own: Ctrl-C is for the runner to handle."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # whatever stands in the folder that we are started in
            "-m",
            "core.load.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
            start_new_session=True,
        )
        worker = cls(process, number)
        complaining = asyncio.create_task(worker._hear_complaints())
        worker._listening = [
            complaining,
            asyncio.create_task(worker._hear_reports(heard, complaining)),
        ]
        return worker

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    async def say(self, message: Message) -> None:
        """Send a command. A worker that is dead does not mind: its death is heard."""
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(line(message))
            await self._process.stdin.drain()

    async def stop(self) -> None:
        """End the process, and wait for its end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(GOODBYE):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        finally:
            for task in self._listening:
                task.cancel()
            await asyncio.gather(*self._listening, return_exceptions=True)

    async def _hear_reports(
        self, heard: "asyncio.Queue[Heard]", complaining: "asyncio.Task[None]"
    ) -> None:
        assert self._process.stdout is not None
        while text := await self._process.stdout.readline():
            heard.put_nowait((self._number, read_report(text)))
        status = await self._process.wait()
        await complaining
        heard.put_nowait((self._number, self._death(status)))

    async def _hear_complaints(self) -> None:
        assert self._process.stderr is not None
        async for text in self._process.stderr:
            self._complaints.append(text.decode(errors="replace").rstrip())

    def _death(self, status: int) -> Failure:
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        return Failure(
            kind=FailureKind.ENVIRONMENT,
            message=f"a load worker ended by itself {how}",
            evidence=self._complaints[-1] if self._complaints else "",
            advice="see whether the machine is out of memory; else report this as a bug",
        )


class Crew:
    """All load workers, spoken to as one."""

    def __init__(self, cores: Cores | None = None) -> None:
        """Have no worker yet.

        Args:
            cores: which CPUs are for the load; None: workers run wherever the kernel puts them.
        """
        self._cores = cores
        self._workers: list[WorkerProcess] = []
        self._heard: asyncio.Queue[Heard] = asyncio.Queue()
        self._death: Failure | None = None

    def __len__(self) -> int:
        return len(self._workers)

    @property
    def pids(self) -> list[int]:
        """The workers' process numbers."""
        return [worker.pid for worker in self._workers]

    async def grow(self, count: int) -> None:
        """Have `count` workers at least."""
        while len(self._workers) < count:
            self._workers.append(await WorkerProcess.start(len(self._workers), self._heard))
        self._place()

    def _place(self) -> None:
        """Keep the workers to the load's CPUs, as long as each has one there."""
        if self._cores is None:
            return
        crowded = len(self._workers) > len(self._cores.load)
        for worker in self._workers:
            keep_to(worker.pid, self._cores.all if crowded else self._cores.load)

    async def stop(self) -> None:
        """End all workers."""
        await asyncio.gather(*(worker.stop() for worker in self._workers))
        self._workers.clear()
        self._heard = asyncio.Queue()
        self._death = None

    async def tell(self, message: Message) -> None:
        """Say the same to all."""
        for worker in self._workers:
            await worker.say(message)

    async def prepare(self, order: Callable[[int], Message]) -> list[Ready]:
        """Give each worker its order; return what they say once all are ready.

        Raises:
            MeasurementError: one of them cannot go on, or died.
        """
        for number, worker in enumerate(self._workers):
            await worker.say(order(number))
        ready: dict[int, Ready] = {}
        while len(ready) < len(self._workers):
            number, report = await self._hear()
            if isinstance(report, Ready):
                ready[number] = report
        return [ready[number] for number in range(len(self._workers))]

    async def tally(self) -> tuple[int, Tally]:
        """Return the next tally, and whose it is.

        Raises:
            MeasurementError: a worker died.
        """
        while True:
            number, report = await self._hear()
            if isinstance(report, Tally):
                return number, report

    async def halt(self) -> list[tuple[int, Tally]]:
        """Stop the load; return the tallies up to the last.

        Raises:
            MeasurementError: a worker died, or does not answer.
        """
        await self.tell(Halt())
        tallies: list[tuple[int, Tally]] = []
        going = set(range(len(self._workers)))
        try:
            async with asyncio.timeout(GOODBYE):
                while going:
                    number, tally = await self.tally()
                    tallies.append((number, tally))
                    if tally.last:
                        going.discard(number)
        except TimeoutError:
            raise MeasurementError(
                Failure(
                    kind=FailureKind.ENVIRONMENT,
                    message=f"a load worker did not stop within {GOODBYE:g} s",
                    advice="see whether the machine is overloaded",
                )
            ) from None
        return tallies

    async def _hear(self) -> tuple[int, Ready | Tally]:
        if self._death is not None:
            raise MeasurementError(self._death)
        number, report = await self._heard.get()
        if isinstance(report, Failure):
            self._death = report
            raise MeasurementError(report)
        if isinstance(report, Broken):
            raise MeasurementError(report.failure)
        return number, report
