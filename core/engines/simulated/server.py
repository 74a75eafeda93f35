"""The server process: its start, line by line; its signals; its end."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from random import randrange
from typing import Any

import uvloop

from core.engines.simulated.api import Api
from core.engines.simulated.dispatch import Dispatcher
from core.engines.simulated.memory import GpuMemoryError
from core.engines.simulated.startup import FAILED_START, READY, Launch, crash_report
from core.engines.simulated.wire import Connection


def serve(launched: Launch) -> int:
    """Serve one launch until SIGTERM or a failed start, and return the exit status."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(launched))


async def _serve(launched: Launch) -> int:
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _settle, stopped, 0)
    arguments = launched.settings.arguments
    seed = randrange(2**31) if arguments.seed is None else arguments.seed
    model = arguments.served_model_name or arguments.model
    api = Api(launched, seed, model, created=int(time.time()))
    connections: set[Connection] = set()
    try:
        listener = await loop.create_server(
            lambda: Connection(api.handle, connections), arguments.host, arguments.port
        )
    except OSError as error:
        place = f"{arguments.host}:{arguments.port}"
        log(f"ERROR: [Errno {error.errno}] cannot bind to {place}: {error.strerror}")
        return FAILED_START
    port = listener.sockets[0].getsockname()[1]
    log(f"Listening on http://{arguments.host}:{port}, answering 503 until the start is over")

    def begin() -> None:
        api.dispatcher = Dispatcher(launched, seed, model, log, _crash)

    start = loop.create_task(_play_start(launched, begin))
    either: set[asyncio.Future[Any]] = {start, stopped}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if start.done():
        start.result()
        if not launched.ready:
            _settle(stopped, FAILED_START)
    status = await stopped
    start.cancel()
    listener.close()
    for connection in tuple(connections):
        connection.close()
    log(f"Finished server process [{os.getpid()}]")
    return status


async def _play_start(launched: Launch, begin: Callable[[], None]) -> None:
    """Log the launch line by line, each at its time; begin to serve before the last is out."""
    moment = time.monotonic()
    arguments = launched.settings.arguments
    for line in launched.lines:
        moment += line.delay / (arguments.speed * arguments.start_speed)
        await asyncio.sleep(moment - time.monotonic())
        if line.text == READY:
            begin()
        log(line.text)


def log(text: str) -> None:
    """Write a line to the log, at once."""
    sys.stdout.write(f"[{time.strftime('%Y-%m-%d %H:%M:%S')}] {text}\n")
    sys.stdout.flush()


def _crash(error: GpuMemoryError) -> None:
    """End as SGLang does when its scheduler dies: say why in the log, and kill the process."""
    for line in crash_report(error):
        log(line)
    os.kill(os.getpid(), signal.SIGKILL)


def _settle(stopped: asyncio.Future[int], status: int) -> None:
    if not stopped.done():
        stopped.set_result(status)
