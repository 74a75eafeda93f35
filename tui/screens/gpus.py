"""Every GPU: what it does, for whom, and how that went over the last minutes."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from textual.containers import Vertical
from textual.widget import Widget

from core.events import GpuDescription, HostDescribed
from core.machine.nvml import NvmlGpus
from core.report.characters import NOTHING, one_line
from core.store import Lease, Viewer
from tui.columns import Column
from tui.gpu_watch import (
    PATIENCE,
    GpusSeen,
    GpuState,
    gpus_reading,
    memory_text,
    percent,
    process_line,
    short_name,
    simulated_board,
)
from tui.keymap import Scope
from tui.screens.view import Question, View
from tui.spans import EMPTY, Line, Span, between, crop, line
from tui.sparkline import sparkline
from tui.widgets.canvas import Canvas
from tui.widgets.table import Table, Window, empty_lines

KEPT = 300
"""Readings that are kept of each GPU: ten minutes of one every two seconds."""

_ROW_SPARK = 12
_HOTTEST = 100.0
"""Degrees Celsius at the top of a temperature's bars."""


_FIRST_EVENTS = 10
"""Among so many, a run tells of its machine."""

_Leased: TypeAlias = tuple[tuple[Lease, ...], tuple[GpuDescription, ...]]
"""Who has leased which, and the GPUs that runs of the simulated engine have told of."""


class GpuHistory:
    """What was read of each GPU so far."""

    def __init__(self) -> None:
        self._kept: dict[str, deque[GpuState]] = {}

    def add(self, seen: GpusSeen) -> None:
        """Take a reading in; a GPU that is no longer there is forgotten."""
        for gone in self._kept.keys() - {state.gpu.uuid for state in seen.gpus}:
            del self._kept[gone]
        for state in seen.gpus:
            self._kept.setdefault(state.gpu.uuid, deque(maxlen=KEPT)).append(state)

    def of(self, uuid: str) -> Sequence[GpuState]:
        """Return the states of one GPU, the newest last."""
        return tuple(self._kept.get(uuid, ()))


class GpusView(View):
    """A table of GPUs, and more of the one under the cursor."""

    NAME = "gpus"
    SCOPES = (Scope.GPUS, Scope.LIST)

    def __init__(self) -> None:
        super().__init__()
        self.history = GpuHistory()
        self.seen: GpusSeen | None = None
        self._leases: tuple[Lease, ...] = ()
        self._boards: tuple[GpuState, ...] = ()
        """Those that runs have leased in a simulation."""

    def body(self) -> Sequence[Widget]:
        """Return the table, and the panel below it."""
        self._table: Table[GpuState] = Table(lambda state: state.gpu.uuid, id="gpu-table")
        self._panel = Panel(self)
        return [Vertical(self._table, self._panel)]

    def on_mount(self) -> None:
        """Choose the columns, and take the keys."""
        self._table.columns = self._columns()
        self._table.focus()
        self._read = gpus_reading(self.autotuner.gpus or NvmlGpus())

    def heading(self) -> Line:
        """Return how many GPUs there are, and whether the driver still answers."""
        if self.seen is None:
            return line(Span("GPUs", "title"), Span("  asking the driver …", "muted"))
        silent = time.time() - self.seen.at
        if silent > PATIENCE:
            return line(
                Span("GPUs", "title"), Span(f"  ! the driver is silent for {silent:.0f} s", "warn")
            )
        there = f"  {len(self.seen.gpus)} in this machine"
        played = len(self.shown) - len(self.seen.gpus)
        more = f", {played} simulated" if played else ""
        return line(Span("GPUs", "title"), Span(f"{there}{more}", "muted"))

    def questions(self) -> Sequence[Question]:
        """Ask the driver for the GPUs, and the store for who holds which."""

        played = [task.id for task in self.autotuner.running if task.simulated]

        async def read(viewer: Viewer) -> _Leased:
            leases = await viewer.leases()
            told = [await _described(viewer, task) for task in played]
            return leases, tuple(gpu for gpus in told for gpu in gpus)

        return [Question(self._read, self.show, "machine"), Question(read, self._show_leases)]

    @property
    def shown(self) -> tuple[GpuState, ...]:
        """The GPUs of this machine, and the boards of a simulation that runs have leased."""
        there = self.seen.gpus if self.seen is not None else ()
        known = {state.gpu.uuid for state in there}
        return (*there, *(board for board in self._boards if board.gpu.uuid not in known))

    @property
    def current(self) -> GpuState | None:
        """The GPU under the cursor."""
        return self._table.current

    def holders(self) -> Mapping[str, str]:
        """Return who holds the lease on each GPU, by UUID."""
        running = {task.runner: task.ref for task in self.autotuner.running}
        return {lease.gpu: running.get(lease.holder, str(lease.holder)) for lease in self._leases}

    def tick(self) -> None:
        """Notice a driver that does not answer any more."""
        self.retitle()

    def on_table_moved(self) -> None:
        """Say more of the GPU under the cursor."""
        self._panel.fit(self.size.height)

    def show(self, seen: GpusSeen) -> None:
        """Take a reading in, and show it."""
        self.seen = seen
        self.history.add(seen)
        self._table.empty = empty_lines(
            "No GPU to show.",
            seen.problem or "This machine has none.",
            "Tasks on the CPU and on the simulated engine run without one.",
        )
        self._fill()

    def _show_leases(self, answer: _Leased) -> None:
        self._leases, described = answer
        taken = {lease.gpu for lease in self._leases}
        boards = {gpu.uuid: gpu for gpu in described if gpu.simulated and gpu.uuid in taken}
        self._boards = tuple(simulated_board(gpu, time.time()) for gpu in boards.values())
        self._fill()

    def _fill(self) -> None:
        if self.seen is not None:
            self._table.show(Window(0, self.shown, len(self.shown)))
            self._panel.fit(self.size.height)
            self.retitle()

    def _columns(self) -> tuple[Column[GpuState], ...]:
        return (
            Column("GPU", lambda s: line(str(s.gpu.index)), align="right", rank=0),
            Column("model", lambda s: line(short_name(s.gpu)), rank=4, most=24, stretch=True),
            Column("load", lambda s: line(percent(s.sample.utilization)), align="right", rank=1),
            Column("", self._spark, rank=5),
            Column("memory", lambda s: line(memory_text(s.memory)), align="right", rank=1),
            Column("power", _power, align="right", rank=2),
            Column("temp.", _temperature, align="right", rank=3),
            Column("SM clock", _clock, align="right", rank=7),
            Column("throttled", _throttled, rank=6, most=24),
            Column("lease", self._lease, rank=2, most=28),
        )

    def _spark(self, state: GpuState) -> Line:
        course = [s.sample.utilization for s in self.history.of(state.gpu.uuid)]
        return line(Span(sparkline(course, _ROW_SPARK, 0.0, 1.0), "accent"))

    def _lease(self, state: GpuState) -> Line:
        return lease(state, self.holders().get(state.gpu.uuid))


async def _described(viewer: Viewer, task_id: int) -> tuple[GpuDescription, ...]:
    """Return the GPUs that a run told of when it began."""
    told = await viewer.events(task_id, limit=_FIRST_EVENTS)
    hosts = [recorded.event.host for recorded in told if isinstance(recorded.event, HostDescribed)]
    return hosts[0].gpus if hosts else ()


class Panel(Canvas):
    """One GPU at length: its course, and its processes."""

    DEFAULT_CSS = "Panel { height: 9; }"

    def __init__(self, view: GpusView) -> None:
        super().__init__()
        self._view = view

    def fit(self, height: int) -> None:
        """Take about half of the screen, and draw."""
        gpus = len(self._view.shown)
        wanted = max(7, height - 3 - min(gpus + 2, (height - 3) // 2)) if gpus else 0
        if self.styles.height is None or self.styles.height.value != wanted:
            self.styles.height = wanted
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the lines."""
        state = self._view.current
        if state is None:
            return []
        history = self._view.history.of(state.gpu.uuid)
        return gpu_panel(state, history, self._view.holders().get(state.gpu.uuid), width)[:height]


def gpu_panel(
    state: GpuState, history: Sequence[GpuState], holder: str | None, width: int
) -> list[Line]:
    """Return everything there is to say of one GPU."""
    gpu, sample = state.gpu, state.sample
    name = one_line(gpu.name).removesuffix(" (simulated)")
    kind = "MIG slice" if gpu.is_slice else "simulated" if gpu.simulated else ""
    title = line(Span(f" GPU {gpu.index}", "title"), f"  {name}", Span(f"  {kind}", "warn"))
    samples = [past.sample for past in history]
    total = state.memory.total if state.memory else gpu.memory_bytes
    most_power = max((s.power_watts or 0.0 for s in samples), default=0.0)
    rows = [
        line(Span("─" * width, "muted")),
        between(title, line(Span(f"{gpu.uuid} ", "muted")), width),
        _course("load", percent(sample.utilization), [s.utilization for s in samples], 1.0, width),
        _course("memory", memory_text(state.memory), [s.used_bytes for s in samples], total, width),
        _course(
            "power",
            NOTHING if sample.power_watts is None else f"{sample.power_watts:.0f} W",
            [s.power_watts for s in samples],
            most_power,
            width,
        ),
        _course(
            "temp.",
            NOTHING if sample.temperature is None else f"{sample.temperature:.0f} °C",
            [s.temperature for s in samples],
            _HOTTEST,
            width,
        ),
        crop(line(" ", Span("clocks  ", "muted"), _clocks(state)), width),
        crop(line(" ", Span("lease   ", "muted"), lease(state, holder)), width),
    ]
    if not state.processes:
        return [*rows, line(" ", Span("No process has memory on it.", "muted"))]
    return [*rows, *(crop(line(" ", process_line(p)), width) for p in state.processes)]


def lease(state: GpuState, holder: str | None) -> Line:
    """Return who has a GPU: a run of ours, somebody without a lease, or nobody."""
    if holder is not None:
        return line(Span(f"▶ {one_line(holder)}", "run"))
    if any(not process.graphics for process in state.processes):
        return line(Span("! somebody else's", "warn"))
    return line(Span("free", "muted"))


def _course(
    title: str, now: str, course: Sequence[float | None], most: float | None, width: int
) -> Line:
    room = max(0, width - 24)
    bars = sparkline(course, min(room, KEPT), 0.0, most) if most else ""
    return line(" ", Span(f"{title:<8}", "muted"), f"{now:>12}  ", Span(bars.lstrip(), "accent"))


def _clocks(state: GpuState) -> Line:
    sample = state.sample
    known = [
        f"SM {sample.sm_clock_mhz} MHz" if sample.sm_clock_mhz is not None else "",
        f"memory {sample.memory_clock_mhz} MHz" if sample.memory_clock_mhz is not None else "",
    ]
    text = ", ".join(filter(None, known)) or NOTHING
    held = f"   ! throttled by {', '.join(sample.throttled_by)}" if sample.throttled_by else ""
    return line(text, Span(held, "warn"))


def _power(state: GpuState) -> Line:
    watts = state.sample.power_watts
    return line(NOTHING if watts is None else f"{watts:.0f} W")


def _temperature(state: GpuState) -> Line:
    degrees = state.sample.temperature
    return line(NOTHING if degrees is None else f"{degrees:.0f} °C")


def _clock(state: GpuState) -> Line:
    clock = state.sample.sm_clock_mhz
    return line(NOTHING if clock is None else f"{clock} MHz")


def _throttled(state: GpuState) -> Line:
    reasons = ", ".join(state.sample.throttled_by)
    return line(Span(f"! {reasons}", "warn")) if reasons else EMPTY
