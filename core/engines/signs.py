"""Signs in a server's log and exit that tell why it failed. Pure.

Engines bury the telling line: vLLM's last line is always "Engine core initialization failed",
whatever went wrong. So every line is held against every sign, and the most telling sign wins, not
the last line.
"""

import re
import signal
from collections.abc import Iterable
from dataclasses import dataclass

from core.events import Failure, FailureKind, signal_name


@dataclass(frozen=True)
class Sign:
    """A pattern in a log line, what it means, and what to try."""

    pattern: re.Pattern[str]
    kind: FailureKind
    message: str
    """One sentence; may hold {groups} of the pattern."""
    advice: str
    transient: bool = False
    """Whether the same may well go right the next time."""

    @classmethod
    def of(
        cls, pattern: str, kind: FailureKind, message: str, advice: str, *, transient: bool = False
    ) -> "Sign":
        """Compile a case-blind sign."""
        return cls(re.compile(pattern, re.IGNORECASE), kind, message, advice, transient)


GPU_OUT_OF_MEMORY = "the GPU ran out of memory"
"""What is said where the log does not tell what for."""

COMMON_SIGNS: tuple[Sign, ...] = (
    Sign.of(
        r"unrecognized arguments?: *(?P<flag>.*)",
        FailureKind.BAD_FLAGS,
        "the server does not know {flag}",
        "check the flag against the installed version of the engine",
    ),
    Sign.of(
        r"argument (?P<flag>[^:]+): invalid (?:choice|\w+ value): *(?P<value>[^(]*)",
        FailureKind.BAD_FLAGS,
        "the server does not take {value} for {flag}",
        "choose a value the installed version of the engine offers",
    ),
    Sign.of(
        r"cuda out of memory|CUDA error: out of memory|out of memory on device|hip out of memory",
        FailureKind.OUT_OF_MEMORY,
        GPU_OUT_OF_MEMORY,
        "give the server a smaller share of memory, fewer concurrent requests, or more GPUs",
    ),
    Sign.of(
        r"not enough memory|no available memory for the cache blocks"
        r"|KV cache .*(?:larger|too small)|maximum batched tokens.*exceeds.*kv",
        FailureKind.OUT_OF_MEMORY,
        "no memory was left for the KV cache",
        "raise the memory share, lower the context length, or use a smaller KV cache type",
    ),
    Sign.of(
        r"address already in use|couldn't bind|errno 98|port .{1,12}(?:in use|occupied)",
        FailureKind.ENVIRONMENT,
        "the port was taken",
        "free the port, or let the autotuner choose one",
        transient=True,
    ),
    Sign.of(
        r"failed to load model|no such file or directory: .*(?:model|config)|"
        r"is not a local folder and is not a valid model identifier|repo(?:sitory)? not found",
        FailureKind.ENVIRONMENT,
        "the model could not be loaded",
        "check model.id_or_path",
    ),
    Sign.of(
        r"nccl error|ncclsystemerror|ncclunhandledcudaerror|CUDA driver version is insufficient"
        r"|no cuda-capable device|cuda error: (?!out of memory)(?P<what>.*)",
        FailureKind.ENVIRONMENT,
        "CUDA or NCCL failed",
        "check the driver, the GPUs that are visible, and shared memory",
        transient=True,
    ),
)

_RAISED = re.compile(r"\b[A-Z]\w*(?:Error|Exception): \S")


def diagnose(
    lines: Iterable[str], signs: tuple[Sign, ...], exit_code: int | None, fallback: FailureKind
) -> Failure:
    """Return why a server ended or never got ready.

    Args:
        lines: its log.
        signs: what to look for, the most telling first.
        exit_code: its exit status, negative for a signal; None while it still runs.
        fallback: the kind when nothing gives the cause away.
    """
    found: dict[int, tuple[str, re.Match[str]]] = {}
    last = raised = ""
    for line in lines:
        line = line.strip()
        last = line or last
        # The first exception is the cause; those after it are how the news spread.
        raised = raised or (line if _RAISED.search(line) else "")
        for rank, sign in enumerate(signs):
            if rank not in found and (match := sign.pattern.search(line)):
                found[rank] = (line, match)
    if found:
        rank = min(found)
        evidence, match = found[rank]
        sign = signs[rank]
        groups = {name: (text or "").strip() for name, text in match.groupdict().items()}
        return Failure(
            kind=sign.kind,
            message=sign.message.format(**groups),
            evidence=evidence[:500],
            advice=sign.advice,
            transient=sign.transient,
        )
    return _from_exit(exit_code, raised or last, fallback)


def _from_exit(exit_code: int | None, telling: str, fallback: FailureKind) -> Failure:
    advice = "read the server's log"
    if exit_code is None:
        return Failure(
            kind=fallback,
            message="the server did not get ready",
            evidence=telling[:500],
            advice=advice,
        )
    if exit_code == -signal.SIGKILL:
        return Failure(
            kind=FailureKind.OUT_OF_MEMORY,
            message="the server was killed from outside, most likely by the kernel for host memory",
            evidence=telling[:500],
            advice="free host memory, or load the model with less of it",
        )
    if exit_code == -signal.SIGILL:
        message = "the server used an instruction that this CPU lacks (SIGILL)"
        advice = "use a build of the engine for this CPU, or other data types"
    elif exit_code < 0:
        message = f"the server crashed with {signal_name(-exit_code)}"
    else:
        message = f"the server exited with status {exit_code}"
    return Failure(kind=FailureKind.CRASHED, message=message, evidence=telling[:500], advice=advice)
