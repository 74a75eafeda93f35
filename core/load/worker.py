"""The process that loads a server and keeps time: `python -m core.load.worker`.

It does what it is told on stdin and tells what it saw on stdout (`core.load.protocol`); it judges
nothing. It ends as soon as stdin does, so that a runner that was killed leaves no load behind.
"""

import asyncio
import contextlib
import gc
import os
import resource
import sys
import time
from array import array
from collections.abc import Callable
from typing import NoReturn

import numpy as np
import uvloop

from core.errors import AutotunerError
from core.events import ClientFloor, Failure, FailureKind
from core.load.calibration import find_floor
from core.load.connections import Connections
from core.load.counting import NoUsageError, TokenCounter
from core.load.histogram import bins
from core.load.ledger import Ledger, counted
from core.load.plan import MeasurementError
from core.load.protocol import (
    Begin,
    Broken,
    Close,
    Halt,
    Message,
    Prepare,
    Ready,
    Tally,
    line,
    read_command,
)
from core.load.traffic import Traffic
from core.load.vocabulary import Vocabulary, learn
from core.load.wire import Address, reason

TALLY_EVERY = 0.2
"""Seconds between reports while a load is on."""
HEARTBEAT = 0.02
"""Seconds between two probes of the event loop's lateness."""
LONGEST_LINE = 64 * 2**20


class Load:
    """One level's load, as far as it falls to this worker."""

    def __init__(
        self, order: Prepare, say: Callable[[Message], None], floor: ClientFloor | None
    ) -> None:
        self._order = order
        self._floor = floor
        self._say = say
        self.ledger = Ledger()
        target = order.target
        address = Address(target.base_url, verify_tls=target.verify_tls)
        closed = order.plan.level.concurrency is not None
        self.connections = Connections(address, self.ledger, patient=closed)
        self._window: tuple[int, int] | None = None
        self._timeout = int(order.plan.request_timeout * 1e9)
        self._cpu_before = 0.0
        self._loop_lags = array("q")
        self._tasks: list[asyncio.Task[NoReturn]] = []
        self._traffic: Traffic | None = None

    async def prepare(self) -> Ready:
        """Write requests and open connections.

        Raises:
            OSError: the server takes no connection.
            AutotunerError: the server refuses a first request, or a file cannot be used.
        """
        vocabulary = self._order.vocabulary or await self._learn()
        self._traffic = Traffic(self._order, vocabulary, self.connections, self.ledger)
        await self.connections.open(self._traffic.connections_wanted)
        return Ready(vocabulary=vocabulary, stamped=self.connections.stamped, floor=self._floor)

    async def begin(self, at: int) -> None:
        """Start the load at that moment, and begin to report."""
        assert self._traffic is not None
        gc.collect()
        gc.freeze()
        gc.disable()
        self._cpu_before = time.process_time()
        await asyncio.sleep((at - time.monotonic_ns()) / 1e9)
        self._traffic.loop.start()
        self._tasks = [asyncio.create_task(self._report()), asyncio.create_task(self._heartbeat())]

    def close_window(self, opened: int, closed: int) -> None:
        """Take in which requests have to be followed to their end."""
        self._window = opened, closed

    def halt(self) -> Tally:
        """Drop everything; return what was seen since the last report."""
        for task in self._tasks:
            task.cancel()
        if self._traffic is not None:
            self._traffic.loop.stop()
        tally = self._tally(last=True)
        self.connections.close()
        gc.enable()
        gc.unfreeze()
        return tally

    async def _learn(self) -> Vocabulary:
        plan = self._order.plan
        if plan.dataset is not None:
            return Vocabulary()
        async with TokenCounter(self._order.target, timeout=plan.warmup_seconds) as counter:
            with contextlib.suppress(NoUsageError):
                return await learn(counter.count)
        return Vocabulary()

    async def _report(self) -> NoReturn:
        while True:
            await asyncio.sleep(TALLY_EVERY)
            self.connections.give_up(time.monotonic_ns() - self._timeout)
            self._say(self._tally())

    async def _heartbeat(self) -> NoReturn:
        while True:
            asked = time.monotonic_ns()
            await asyncio.sleep(HEARTBEAT)
            late = time.monotonic_ns() - asked - int(HEARTBEAT * 1e9)
            self._loop_lags.append(max(0, late))

    def _tally(self, *, last: bool = False) -> Tally:
        seen = self.ledger.take()
        loop_lags = np.array(self._loop_lags, dtype=np.int64)
        del self._loop_lags[:]
        complaints, self.ledger.complaints = self.ledger.complaints, {}
        return Tally(
            at=time.monotonic_ns(),
            rows=seen.rows,
            begun=seen.begun,
            chunks=seen.chunks,
            gaps=seen.gaps,
            lags=seen.lags,
            loop_lags=counted(bins(loop_lags)),
            cpu=time.process_time() - self._cpu_before,
            dropped=self.connections.dropped,
            complaints=complaints,
            exhausted=self._traffic is not None and self._traffic.loop.exhausted,
            settled=self._settled(),
            last=last,
        )

    def _settled(self) -> bool:
        if self._window is None:
            return False
        opened, closed = self._window
        return not any(opened <= due < closed for due in self.connections.in_flight())


async def obey(commands: asyncio.StreamReader, reports: asyncio.WriteTransport) -> None:
    """Carry out commands until there are no more."""

    def say(message: Message) -> None:
        reports.write(line(message))

    floor = await find_floor()
    load: Load | None = None
    while text := await commands.readline():
        match read_command(text):
            case Prepare() as order:
                load = Load(order, say, floor)
                try:
                    say(await load.prepare())
                except (OSError, AutotunerError) as error:
                    say(Broken(failure=_why(order, error)))
            case Begin(at=at) if load:
                await load.begin(at)
            case Close(opened=opened, closed=closed) if load:
                load.close_window(opened, closed)
            case Halt() if load:
                say(load.halt())


def _why(order: Prepare, error: OSError | AutotunerError) -> Failure:
    if isinstance(error, MeasurementError):
        return error.failure
    if isinstance(error, OSError):
        return Failure(
            kind=FailureKind.REQUEST_ERRORS,
            message=f"no connection to {order.target.base_url}: {reason(error)}",
            advice="check that the server is up, and its address",
        )
    return Failure(kind=FailureKind.ENVIRONMENT, message=str(error))


async def run() -> None:
    """Serve stdin."""
    commands = asyncio.StreamReader(limit=LONGEST_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    # A pipe that the loop writes to: a runner that reads late must not stop the clock here.
    reports, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, sys.stdout)
    await obey(commands, reports)


def main() -> None:
    """Run the worker until stdin ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(run())
    os._exit(0)  # nothing under way is worth waiting for


if __name__ == "__main__":
    main()
