"""How processes look in a list: our servers, what is left of one, whoever else listens. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.machine.census import Group
from core.machine.identity import ProcessDescription
from core.machine.masking import masked
from core.report import figures
from core.report.characters import NOTHING, one_line
from tui.columns import Column
from tui.spans import Line, Span, joined, line, wrap

_MIB = 2**20

_STATES = {
    "ours": ("▶", "server", "run"),
    "leftover": ("!", "left over", "warn"),
    "foreign": ("·", "foreign", "muted"),
}


@dataclass(frozen=True)
class ProcessRow:
    """One server, or one foreign process that listens."""

    group: Group
    launch: str
    """What it serves: `quickstart#1, experiment 3`; empty where nobody knows."""
    log: str
    """Path of its log; empty where there is none."""


def launch_of(marker: str) -> tuple[int, int] | None:
    """Return the task's id and the experiment's number that a marker names."""
    task, slash, number = marker.partition("/")
    return (int(task), int(number)) if slash and task.isdigit() and number.isdigit() else None


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


def _what(row: ProcessRow) -> Line:
    return line(row.launch) if row.launch else line(command(row.group.root))


COLUMNS: tuple[Column[ProcessRow], ...] = (
    Column("state", state, rank=0),
    Column("PID", lambda r: line(str(r.group.root.identity.pid)), align="right", rank=0),
    Column("port", port, rank=1, most=20),
    Column("age", lambda r: line(figures.duration(r.group.root.age)), align="right", rank=3),
    Column("memory", lambda r: line(f"{r.group.resident_bytes / _MIB:,.0f} MiB"),
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
            line(" ", Span(row.launch or group.marker, "title"), f"  {looked_after} ",
                 Span(str(group.guardian), "muted"))
        )  # fmt: skip
    if row.log:
        rows.append(line(" ", Span("log  ", "muted"), one_line(row.log)))
    for process in group.processes:
        text = (
            f" PID {process.identity.pid}  {process.owner}  "
            f"{process.resident_bytes / _MIB:,.0f} MiB  {command(process)}"
        )
        rows += wrap(text, width, most=2)
    return rows[:most]


def confirmation_lines(process: ProcessDescription, gpu_memory: Mapping[str, int]) -> list[str]:
    """Return what a person has to see of a process before ending it.

    Args:
        gpu_memory: bytes it has on each GPU, by the GPU's name.
    """
    return [
        f"PID {process.identity.pid} of {process.owner}, {figures.duration(process.age)} old",
        command(process),
        f"memory {process.resident_bytes / _MIB:,.0f} MiB",
        *(f"{name}: {used / _MIB:,.0f} MiB" for name, used in gpu_memory.items()),
    ]
