"""Whether a starting server is at work, and at what, as far as can be seen from outside. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.deploy.server import VitalSigns

_IDLE_CPU_SHARE = 0.05
"""Processor seconds per second that an idle server may use; more than that is work."""
_STILL_BYTES = 1 << 20
"""How far resident memory, or a GPU's, may drift without any work."""
_IDLE_BYTES_READ = 1 << 18
"""Bytes that an idle server may read between two looks: clocks, sockets, its own statistics."""


@dataclass(frozen=True)
class Stage:
    """A part of a server's start."""

    name: str
    """What a person reads: `loading weights`."""
    silent: bool = False
    """Whether it may go on for minutes without a line of log and without visible work."""


_STAGES: tuple[tuple[re.Pattern[str], Stage], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), stage)
    for pattern, stage in (
        (
            r"captur\w*.*\bgraphs?\b|\bgraphs? captur|capturing batches",
            Stage("capturing CUDA graphs", silent=True),
        ),
        (
            r"torch\.compile|\bdynamo\b|\binductor\b|\bcompiling\b|\bautotun",
            Stage("compiling kernels", silent=True),
        ),
        (r"\bdownloading\b|fetching \d+ files", Stage("downloading the model")),
        (r"load\w*[ _:].*(?:weights?|shards|tensors|model)\b", Stage("loading weights")),
        (r"\bkv[ _-]?cache\b|memory profiling|profile run", Stage("allocating the KV cache")),
        (r"\bwarm(?:ing)?[ -]?up\b", Stage("warming up")),
    )
)
_PERCENT = re.compile(r"\b(\d{1,3})\s?%")


def stage_of(lines: Sequence[str]) -> Stage | None:
    """Return what the last telling line of a log speaks of, with its percentage if it has one."""
    for line in reversed(lines):
        for pattern, stage in _STAGES:
            if pattern.search(line):
                percent = _PERCENT.findall(line)
                name = f"{stage.name}, {percent[-1]} %" if percent else stage.name
                return Stage(name, stage.silent)
    return None


class SignsOfLife:
    """How long a server has not moved. Times are seconds of any one clock."""

    def __init__(self, at: float, first: VitalSigns) -> None:
        self._moved_at = self._seen_at = at
        self._last = first

    def see(self, at: float, now: VitalSigns, *, silent_work: bool = False) -> None:
        """Take a later look in; `silent_work` counts as movement, unless a signal halts it."""
        worked = now.cpu_seconds - self._last.cpu_seconds
        if (
            (silent_work and not now.halted)
            or now.log != self._last.log
            or worked > _IDLE_CPU_SHARE * (at - self._seen_at)
            or abs(now.resident_bytes - self._last.resident_bytes) > _STILL_BYTES
            or abs(now.gpu_bytes - self._last.gpu_bytes) > _STILL_BYTES
            or now.read_bytes - self._last.read_bytes > _IDLE_BYTES_READ
        ):
            self._moved_at = at
        self._seen_at, self._last = at, now

    @property
    def silence(self) -> float:
        """Seconds from the last sign of life to the last look."""
        return self._seen_at - self._moved_at
