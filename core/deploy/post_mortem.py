"""Why a server ended, from its log, its exit, and the kernel's count of processes killed."""

import asyncio
import re
import signal
from collections.abc import Sequence
from pathlib import Path

from core.deploy.progress import stage_of
from core.engines.signs import GPU_OUT_OF_MEMORY, Sign, diagnose
from core.events import Failure, FailureKind
from core.machine.supervision import ExitReport

_WHERE_MEMORY_WENT = {
    "loading weights": "use a smaller data type, a quantisation, or more GPUs",
    "allocating the KV cache": "lower the server's share of memory, or the context length",
    "capturing CUDA graphs": "lower the server's share of memory, or capture fewer CUDA graphs",
    "compiling kernels": "lower the server's share of memory",
    "warming up": "lower the server's share of memory, or the tokens of one step",
}
"""What to try where the GPU's memory ran out in a stage of the start."""
_SERVES = re.compile(
    r"startup complete|server is (?:ready|listening|fired up)|uvicorn running", re.I
)


async def why_ended(log: Path, signs: tuple[Sign, ...], report: ExitReport) -> Failure:
    """Return why a server ended that should not have.

    Args:
        log: what it said.
        signs: what a line of that gives away, the most telling first.
        report: how it ended.
    """
    lines = (await asyncio.to_thread(read_log, log)).splitlines()
    if report.code is None:
        return _killed("the server's guardian was killed by somebody, and the server with it")
    failure = diagnose(lines, signs, report.code, FailureKind.CRASHED)
    by_exit_alone = diagnose((), signs, report.code, FailureKind.CRASHED)
    if failure.message != by_exit_alone.message:
        return _where_memory_went(failure, lines)
    if report.code == -signal.SIGKILL and report.oom_kills == 0:
        return _killed("the server was killed by somebody, and not by the kernel", failure.evidence)
    if report.code != -signal.SIGKILL and report.oom_kills:
        return failure.model_copy(
            update={
                "kind": FailureKind.OUT_OF_MEMORY,
                "message": f"{failure.message}, and meanwhile the kernel killed {report.oom_kills} "
                "of this machine's processes for want of host memory",
                "advice": "free host memory, or load the model with less of it",
            }
        )
    return failure


def _killed(message: str, evidence: str = "") -> Failure:
    return Failure(
        kind=FailureKind.CRASHED,
        message=message,
        evidence=evidence,
        advice="find out who ended it, then try again",
        transient=True,
    )


def _where_memory_went(failure: Failure, lines: Sequence[str]) -> Failure:
    """Name what the GPU's memory ran out at, if the log tells it."""
    if failure.message != GPU_OUT_OF_MEMORY:
        return failure
    at = next(i for i, line in enumerate(lines) if line.strip().startswith(failure.evidence))
    if any(_SERVES.search(line) for line in lines[:at]):
        return failure.model_copy(update={"message": f"{failure.message} while serving"})
    stage = stage_of(lines[:at])
    advice = None if stage is None else _WHERE_MEMORY_WENT.get(stage.name.partition(",")[0])
    if stage is None or advice is None:
        return failure
    return failure.model_copy(
        update={"message": f"{failure.message} while {stage.name}", "advice": advice}
    )


def read_log(log: Path) -> str:
    """Return a server's log, empty if somebody deleted it."""
    try:
        return log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
