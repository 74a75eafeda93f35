"""How processes look in a list: our servers, what is left of one, whoever else listens. Pure."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

from core.events import Experiment
from core.machine import identity
from core.machine.census import Group
from core.machine.identity import ProcessDescription
from core.machine.masking import masked
from core.report import figures
from core.report.characters import NOTHING, one_line
from core.store import StoredTask
from tui.columns import Column
from tui.spans import Line, Span, joined, line, wrap

_MIB, _GIB = 2**20, 2**30

_STATES = {
    "ours": ("▶", "server", "run"),
    "leftover": ("!", "left over", "warn"),
    "foreign": ("·", "foreign", "muted"),
}


@dataclass(frozen=True)
class Launch:
    """The experiment that a server was launched for."""

    task: int
    """The task's id."""
    experiment: int
    name: str
    """`quickstart#1, experiment 3`."""
    log: str
    """Path of the server's log."""


@dataclass(frozen=True)
class ProcessRow:
    """One server, or one foreign process that listens."""

    group: Group
    launch: Launch | None
    """None where this store knows nothing of it: a foreign one, or a server of another home."""


def numbers_of(marker: str) -> tuple[int, int] | None:
    """Return the task's id and the experiment's number that a marker names."""
    task, slash, number = marker.partition("/")
    return (int(task), int(number)) if slash and task.isdigit() and number.isdigit() else None


def is_launch_of(group: Group, task: StoredTask, experiment: Experiment) -> bool:
    """Return whether a server is the one that was launched for an experiment.

    A marker has only numbers, which are others' as well in a store of another home. So either the
    guardian that is there was started by the task's runner, or, where it is gone, the server began
    while the experiment went on.
    """
    guardian = identity.describe(group.guardian) if group.guardian is not None else None
    if guardian is not None:
        return task.runner is not None and guardian.parent == task.runner.pid
    began = time.time() - group.root.age
    ended = experiment.ended_at or math.inf
    return experiment.began_at - 1 <= began <= ended


def state(row: ProcessRow) -> Line:
    """Return whose it is."""
    symbol, word, style = _STATES[row.group.standing]
    return line(Span(f"{symbol} {word}", style))


def port(row: ProcessRow) -> Line:
    """Return the ports it listens on, with a warning for those the network can reach."""
    if not row.group.ports:
        return line(Span(NOTHING, "muted"))
    parts = [
        line(str(p.port), Span("" if p.loopback else " open", "warn")) for p in row.group.ports[:3]
    ]
    more = len(row.group.ports) - len(parts)
    return line(joined(parts, " "), f" +{more}" if more else "")


def command(process: ProcessDescription) -> str:
    """Return its command line in one line, secrets masked."""
    return one_line(" ".join(masked(process.command)) or f"[{process.name}]")


def _memory(size: int) -> str:
    """Write bytes of memory: `410 MiB`, `24.5 GiB`."""
    return f"{size / _MIB:,.0f} MiB" if size < _GIB else f"{size / _GIB:,.1f} GiB"


def _what(row: ProcessRow) -> Line:
    return line(row.launch.name if row.launch else command(row.group.root))


COLUMNS: tuple[Column[ProcessRow], ...] = (
    Column("state", state, rank=0),
    Column("PID", lambda r: line(str(r.group.root.identity.pid)), align="right", rank=0),
    Column("port", port, rank=1, most=20),
    Column("age", lambda r: line(figures.duration(r.group.root.age)), align="right", rank=3),
    Column("memory", lambda r: line(_memory(r.group.resident_bytes)),
           align="right", rank=2),
    Column("processes", lambda r: line(str(len(r.group.processes))), align="right", rank=6),
    Column("owner", lambda r: line(one_line(r.group.root.owner)), rank=5, most=12),
    Column("what", _what, rank=1, most=90, stretch=True),
)  # fmt: skip


def details(row: ProcessRow, width: int, most: int) -> list[Line]:
    """Return what there is to say of the row under the cursor, in at most `most` lines."""
    group = row.group
    rows = [line(Span("─" * width, "muted"))]
    if group.guardian is not None:
        looked_after = "looked after by" if group.standing == "ours" else "its guardian is gone:"
        rows.append(
            line(" ", Span(row.launch.name if row.launch else "of a run kept elsewhere", "title"),
                 f"  {looked_after} ", Span(str(group.guardian), "muted"))
        )  # fmt: skip
    if row.launch:
        rows.append(line(" ", Span("log  ", "muted"), one_line(row.launch.log)))
    for process in group.processes:
        text = (
            f"PID {process.identity.pid}  {process.owner}  "
            f"{_memory(process.resident_bytes)}  {command(process)}"
        )
        rows += wrap(text, width, most=2, indent=1)
    return rows[:most]


def confirmation_lines(process: ProcessDescription, gpu_memory: Mapping[str, int]) -> list[str]:
    """Return what a person has to see of a process before ending it.

    Args:
        gpu_memory: bytes it has on each GPU, by the GPU's name.
    """
    return [
        f"PID {process.identity.pid} of {process.owner}, {figures.duration(process.age)} old",
        command(process),
        f"memory {_memory(process.resident_bytes)}",
        *(f"{name}: {_memory(used)}" for name, used in gpu_memory.items()),
    ]
