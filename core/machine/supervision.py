"""The runner's side of a guardian: start a server under one, hear how it ended, have it ended.

Whatever becomes of the runner, the guardian ends the server's tree. Should the guardian itself be
killed, the server's own process goes with it, and this side ends what else is left, by its mark.
"""

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from core.errors import HostError
from core.events import ProcessIdentity, signal_name
from core.machine import guardian, identity, leftovers, masking, procfs, secrets_at_large

_T = TypeVar("_T")

_START_SECONDS = 60.0
"""A guardian starts in tens of milliseconds; this is for a machine that swaps."""
_ORPHAN_GRACE = 5.0
"""Seconds from SIGTERM to SIGKILL, at most, for those that lost their server and its guardian."""


class GuardianKilledError(HostError):
    """Somebody killed the guardian while it started the server; another one may live."""


@dataclass(frozen=True)
class ExitReport:
    """How a server's own process ended."""

    code: int | None
    """Exit status, negative for a signal; None when the guardian was killed and nobody knows."""
    seconds: float = 0.0
    """How long it ran."""
    cpu_seconds: float = 0.0
    """Processor time of it and of the children it waited for."""
    peak_bytes: int | None = None
    """Most resident memory that the whole tree was seen with, every few seconds; at least the most
    that the process itself, or a child it waited for, ever had. None: the guardian was killed."""
    oom_kills: int | None = None
    """Processes of this machine that the kernel killed for want of memory while it ran; None if it
    keeps no count."""

    def __str__(self) -> str:
        if self.code is None:
            return "ended together with its guardian"
        if self.code < 0:
            return f"ended by {signal_name(-self.code)}"
        return f"exited with status {self.code}"


@dataclass(frozen=True)
class TreeEnd:
    """How the processes that a server started ended."""

    killed: tuple[str, ...] = ()
    """Those that outlived SIGTERM and the grace period and needed SIGKILL: name and PID."""
    remaining: tuple[str, ...] = ()
    """Those that could not be ended after the guardian was killed."""
    guardian_lost: bool = False
    """Whether the guardian was killed."""


class Supervised:
    """A server under a guardian."""

    def __init__(self, process: Process, launch: leftovers.Launch, grace: float) -> None:
        loop = asyncio.get_running_loop()
        self.server = launch.server
        self.guardian = launch.guardian
        self._launch = launch
        self.exit: asyncio.Future[ExitReport] = loop.create_future()
        """Done as soon as the server's own process has ended and its output is in the log."""
        self.gone: asyncio.Future[TreeEnd] = loop.create_future()
        """Done once no process of the tree is left."""
        self._process = process
        self._grace = grace
        self._listening = asyncio.create_task(self._listen())

    def request_stop(self) -> None:
        """Have the guardian end the tree, and return at once."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    async def stop(self, patience: float = 30.0) -> bool:
        """End the tree and return whether it is gone. May be called again, and by several.

        Args:
            patience: seconds to wait beyond the grace period for processes that are stuck in the
                kernel. The guardian goes on after that.
        """
        self.request_stop()
        await asyncio.wait({self.gone}, timeout=self._grace + patience)
        return self.gone.done() and not self.gone.result().remaining

    def remaining(self) -> list[ProcessIdentity]:
        """Return the processes of the tree that live."""
        return identity.descendants(self.guardian)

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        end: TreeEnd | None = None
        async for line in self._process.stdout:
            match _report_in(line):
                case {"report": "ended", **facts}:
                    _settle(self.exit, ExitReport(**facts))
                case {"report": "gone", "killed": killed}:
                    end = TreeEnd(killed=tuple(killed))
        await self._process.wait()
        self.request_stop()
        if end is None:
            end = await self._clean_up_without_guardian()
        _settle(self.gone, end)

    async def _clean_up_without_guardian(self) -> TreeEnd:
        _settle(self.exit, ExitReport(code=None))
        grace = min(self._grace, _ORPHAN_GRACE)
        swept = await asyncio.to_thread(
            leftovers.end, [self._launch], only=self.guardian, grace=grace
        )
        return TreeEnd(
            killed=tuple(str(leftover) for leftover in swept.ended),
            remaining=tuple(str(leftover) for leftover in swept.remaining),
            guardian_lost=True,
        )


async def start(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    log: Path,
    marker: str,
    grace: float,
    directory: Path | None = None,
    secrets: Collection[str] = (),
) -> Supervised:
    """Start a server under a guardian of its own.

    Args:
        argv: its command line.
        environment: variables beside the inherited ones.
        log: where its output goes, bounded and without the secrets among argv and environment; its
            folder is made if need be.
        marker: what to call the launch: run and experiment.
        grace: seconds from SIGTERM to SIGKILL when it is ended.
        directory: where it runs; None: here.
        secrets: what to keep out of the log besides those among argv and environment, and those in
            the files that they name.

    Raises:
        GuardianKilledError: its guardian was killed; nothing is left of either.
        HostError: it cannot be started.
    """
    _make_private_folder(log.parent)
    whole = {**os.environ, **environment}
    in_files = secrets_at_large.in_files(masking.secret_files(argv, whole))
    known = {*masking.secrets_of(argv, whole), *in_files, *secrets}
    order = {
        "argv": list(argv),
        "environment": dict(environment),
        "directory": str(directory or "."),
        "log": str(log),
        "marker": marker,
        "grace": grace,
        "secrets": sorted(known, key=len, reverse=True),
        "runner": os.getpid(),
    }
    # The order goes through the pipe: arguments can be read by every user of the machine.
    command = (sys.executable, "-I", "-S", "-X", "utf8", guardian.__file__, marker)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=STDOUT, start_new_session=True
    )
    own = identity.identify(process.pid)  # None: it has ended without an order, and is reaped
    try:
        return await asyncio.wait_for(_handed_over(process, order, grace), _START_SECONDS)
    except BaseException as error:
        await _give_up(process, own)
        if isinstance(error, TimeoutError):
            raise HostError("the guardian process did not start within a minute") from None
        raise


def _make_private_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise HostError(f"{folder}: cannot be made: {error.strerror}") from None


async def _handed_over(process: Process, order: dict[str, Any], grace: float) -> Supervised:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(ConnectionError):
        process.stdin.write(json.dumps(order).encode() + b"\n")
        await process.stdin.drain()
    said = ""
    async for line in process.stdout:
        match _report_in(line):
            case {"report": "started", "server": server, "guardian": own}:
                launch = leftovers.Launch(order["marker"], _process(server), _process(own))
                return Supervised(process, launch, grace)
            case {"report": "refused", "reason": reason}:
                raise HostError(f"the server cannot be started: {reason}")
        said = line.decode("utf-8", "replace").strip()  # a traceback, or the loader's complaints
    status = await process.wait()
    if status < 0:
        how = signal_name(-status)
        raise GuardianKilledError(f"the guardian process was killed by {how} as it began")
    raise HostError(f"the guardian process failed with status {status}: {said}")


def _settle(future: asyncio.Future[_T], result: _T) -> None:
    """Set the result, unless there is one, or somebody who waited has cancelled the future."""
    if not future.done():
        future.set_result(result)


async def _give_up(process: Process, own: ProcessIdentity | None) -> None:
    """Wait until nothing is left of a launch."""
    assert process.stdin is not None
    process.stdin.close()
    status = await process.wait()
    if status != 0 and own is not None:  # it could not see the server's tree off itself
        await asyncio.to_thread(leftovers.end, only=own, grace=0.0)


def _report_in(line: bytes) -> dict[str, Any]:
    """Return the report in a line, or an empty one if it holds none."""
    try:
        report = json.loads(line)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def _process(numbers: Sequence[int]) -> ProcessIdentity:
    pid, start_ticks = numbers
    return ProcessIdentity(pid=pid, start_ticks=start_ticks, boot_id=procfs.boot_id())
