"""Why a server ended, from its log, its exit, and the kernel's count of processes killed."""

import asyncio
import signal
from pathlib import Path

from core.engines.signs import Sign, diagnose
from core.events import Failure, FailureKind
from core.machine.supervision import ExitReport


async def why_ended(log: Path, signs: tuple[Sign, ...], report: ExitReport) -> Failure:
    """Return why a server ended that should not have.

    Args:
        log: what it said.
        signs: what a line of that gives away, the most telling first.
        report: how it ended.
    """
    lines = (await asyncio.to_thread(read_log, log)).splitlines()
    failure = diagnose(lines, signs, report.code, FailureKind.CRASHED)
    by_exit_alone = diagnose((), signs, report.code, FailureKind.CRASHED)
    spared_by_kernel = report.code == -signal.SIGKILL and report.oom_kills == 0
    if spared_by_kernel and failure.message == by_exit_alone.message:
        return failure.model_copy(
            update={
                "kind": FailureKind.CRASHED,
                "message": "the server was killed by somebody, and not by the kernel",
                "advice": "find out who ended it, then try again",
            }
        )
    return failure


def read_log(log: Path) -> str:
    """Return a server's log, empty if somebody deleted it."""
    try:
        return log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
