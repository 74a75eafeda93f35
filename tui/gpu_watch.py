"""What the GPUs do, as a reading, and in one line each."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from core.events import GpuDescription
from core.machine.gpus import Gpu, GpuMemory, GpuProcess, Gpus, GpuSample
from core.machine.masking import masked
from core.report import figures
from core.report.characters import NOTHING, one_line
from tui.spans import Line, Span, fit, joined, length, line
from tui.task_rows import progress_bar

PATIENCE = 10.0
"""Seconds without an answer after which a driver counts as hung."""

_GIB = 2**30
_VENDORS = re.compile(r"\b(NVIDIA|Tesla|GeForce|Quadro|HBM\de?|PCIe|SXM\d?)\b\s*", re.IGNORECASE)


@dataclass(frozen=True)
class GpuState:
    """One GPU at a moment."""

    gpu: Gpu
    sample: GpuSample
    memory: GpuMemory | None
    processes: tuple[GpuProcess, ...]


@dataclass(frozen=True)
class GpusSeen:
    """Every GPU at a moment, or why there are none."""

    problem: str | None
    gpus: tuple[GpuState, ...]
    at: float
    """Unix time."""


def gpus_reading(gpus: Gpus) -> Callable[[object], Awaitable[GpusSeen]]:
    """Return a reading of all GPUs. It blocks its own thread, for as long as the driver takes."""

    async def read(_: object) -> GpusSeen:
        problem = gpus.problem()
        states = () if problem else tuple(_state(gpus, gpu) for gpu in gpus.present())
        return GpusSeen(problem, states, time.time())

    return read


def simulated_board(described: GpuDescription, at: float) -> GpuState:
    """Return a board that is there in a simulation alone, as a run has described it: idle."""
    total = described.memory_bytes or 0
    board = Gpu(
        index=described.index,
        uuid=described.uuid,
        name=described.name,
        memory_bytes=total,
        board=described.uuid,
        simulated=True,
    )
    return GpuState(board, GpuSample(at=at), GpuMemory(total=total, used=0, free=total), ())


def _state(gpus: Gpus, gpu: Gpu) -> GpuState:
    return GpuState(
        gpu=gpu,
        sample=gpus.sample(gpu.uuid),
        memory=gpus.memory(gpu.uuid),
        processes=gpus.processes(gpu.uuid) or (),
    )


def short_name(gpu: Gpu) -> str:
    """Return the model without what every model's name has: `H100 80GB`."""
    return _VENDORS.sub("", one_line(gpu.name)).strip()


def percent(share: float | None) -> str:
    """Return a share as a short percentage."""
    return NOTHING if share is None else f"{share * 100:.0f} %"


def memory_text(memory: GpuMemory | None) -> str:
    """Return used and total memory: `71/80 GiB`."""
    return NOTHING if memory is None else f"{memory.used / _GIB:.0f}/{memory.total / _GIB:.0f} GiB"


def process_line(process: GpuProcess) -> Line:
    """Return one process of a GPU: who it is, how much memory it has, and its command."""
    used = NOTHING if process.used_bytes is None else f"{process.used_bytes / _GIB:.1f} GiB"
    who = process.description
    if who is None:
        return line(f"PID {process.pid}  {used}  ", Span("cannot be seen from here", "muted"))
    command = one_line(" ".join(masked(who.command)) or f"[{who.name}]")
    return line(
        f"PID {process.pid}  {who.owner}  {used}  ",
        Span(f"{figures.duration(who.age)} old  ", "muted"),
        command,
        Span("  only draws" if process.graphics else "", "muted"),
    )


def _facts(state: GpuState, holder: str) -> list[Line]:
    """Return what one line says of a GPU, piece by piece."""
    sample = state.sample
    return [
        line(Span(f"GPU {state.gpu.index}", "heading"), f" {short_name(state.gpu)}"),
        line(progress_bar(sample.utilization or 0.0, 1.0, 6), f" {percent(sample.utilization):>5}"),
        line(memory_text(state.memory)),
        line("" if sample.power_watts is None else f"{sample.power_watts:>4.0f} W"),
        line("" if sample.temperature is None else f"{sample.temperature:.0f} °C"),
        line(Span(holder, "run") if holder else Span("free", "muted")),
        line(Span(f"! {', '.join(sample.throttled_by)}" if sample.throttled_by else "", "warn")),
    ]


def strip(seen: GpusSeen | None, holders: Mapping[str, str], now: float, most: int) -> list[Line]:
    """Return the GPUs in at most `most` lines.

    Args:
        seen: what was read last; None before the first answer.
        holders: who holds the lease on a GPU, by UUID.
        now: Unix time, to notice a driver that has stopped answering.
    """
    if seen is None:
        return [line(Span("GPUs: asking the driver …", "muted"))]
    if now - seen.at > PATIENCE:
        return [line(Span(f"! the GPU driver has been silent for {now - seen.at:.0f} s", "warn"))]
    if seen.problem:
        return [line(Span(f"GPUs: {seen.problem}", "muted"))]
    if not seen.gpus:
        return [line(Span("GPUs: none in this machine", "muted"))]
    facts = [_facts(state, holders.get(state.gpu.uuid, "")) for state in seen.gpus]
    widths = [max(map(length, column)) for column in zip(*facts, strict=True)]
    rows = [joined(map(fit, pieces, widths), "  ") for pieces in facts]
    if len(rows) <= most:
        return rows
    return [*rows[: most - 1], line(Span(f"and {len(rows) - most + 1} more: 6 shows all", "muted"))]
