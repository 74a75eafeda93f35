"""Work that takes in a whole history, done in a process of its own: its memory goes with it.

To look at ten thousand experiments together takes hundreds of megabytes and seconds of a processor.
Only the result is handed back, and every key has its turn meanwhile.
"""

import asyncio
import os
import pickle
import subprocess
import sys
from collections.abc import Awaitable, Callable
from subprocess import PIPE
from typing import ParamSpec, TypeVar

from core.errors import AutotunerError, HostError

P = ParamSpec("P")
T = TypeVar("T")


async def apart(work: Callable[P, Awaitable[T]], *arguments: P.args, **keywords: P.kwargs) -> T:
    """Return what `work`, a function of a module, returns. It is ended if this is cancelled.

    Raises:
        AutotunerError: as `work` does.
        HostError: the process cannot be started, or was ended from outside.
    """
    try:
        process = await asyncio.to_thread(_started)
    except OSError as error:
        raise HostError(f"no process can be started for it: {error.strerror}") from None
    try:
        asked = pickle.dumps((work, arguments, keywords))
        told, complaint = await asyncio.to_thread(process.communicate, asked)
    finally:
        if process.poll() is None:
            process.kill()  # the thread, which waits for it, ends with it
    status = process.returncode
    if status:
        if status > 0:
            raise RuntimeError(complaint.decode(errors="replace"))
        raise HostError(f"the process that worked on it was ended by signal {-status}")
    value, refusal = pickle.loads(told)
    if refusal is not None:
        raise refusal
    return value  # type: ignore[no-any-return]


def _started() -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-P", "-m", "tui.apart"]
    return subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE)


def _main() -> None:
    os.nice(10)  # whatever is being measured on this machine comes first
    work, arguments, keywords = pickle.load(sys.stdin.buffer)
    told: tuple[object, AutotunerError | None]
    try:
        told = asyncio.run(work(*arguments, **keywords)), None
    except AutotunerError as error:
        told = None, error
    pickle.dump(told, sys.stdout.buffer)


if __name__ == "__main__":
    _main()
