"""Servers of ours, what is left of dead ones, and who else listens on this machine's ports."""

import asyncio
from collections.abc import Sequence

from textual.containers import Vertical
from textual.widget import Widget

from core.events import ProcessIdentity
from core.machine import census, guarded_kill, identity, leftovers
from core.machine.census import Group
from core.machine.gpus import Gpus
from core.machine.guarded_kill import confirmation
from core.machine.nvml import NvmlGpus
from core.store import Viewer
from tui.dialogs.asking import Ask, Confirm
from tui.keymap import Scope
from tui.process_rows import (
    COLUMNS,
    Launch,
    ProcessRow,
    confirmation_lines,
    details,
    is_launch_of,
    numbers_of,
)
from tui.screens.requests import stop_task
from tui.screens.view import Question, View
from tui.spans import Line, Span, line
from tui.widgets.canvas import Canvas
from tui.widgets.table import Table, Window, empty_lines

_DETAILS = 8


class ProcessesView(View):
    """The list of processes."""

    NAME = "processes"
    SCOPES = (Scope.PROCESSES, Scope.LIST)

    def __init__(self) -> None:
        super().__init__()
        self._groups: tuple[Group, ...] | None = None
        self._launches: dict[ProcessIdentity, Launch] = {}

    def body(self) -> Sequence[Widget]:
        """Return the table, and what there is to say of the row under the cursor."""
        self._table: Table[ProcessRow] = Table(
            lambda row: (row.group.marker, row.group.root.identity), id="processes"
        )
        self._below = Details(self)
        return [Vertical(self._table, self._below)]

    def on_mount(self) -> None:
        """Choose the columns, and take the keys."""
        self._table.columns = COLUMNS
        self._table.focus()

    def heading(self) -> Line:
        """Return how many servers there are, and how many are left over."""
        groups = self._groups or ()
        ours = sum(group.standing == "ours" for group in groups)
        left = sum(group.standing == "leftover" for group in groups)
        return line(
            Span("Processes", "title"),
            Span(f"  {ours} server{'s' * (ours != 1)} of ours", "muted"),
            Span(f"  ! {left} left over: x ends them" if left else "", "warn"),
        )

    def questions(self) -> Sequence[Question]:
        """Ask for the processes, and for the experiments that they serve."""

        async def look(_: object) -> tuple[Group, ...]:
            return census.take()

        return [
            Question(look, self.show, "machine"),
            Question(self._read_launches, self.show_launches),
        ]

    async def _read_launches(self, viewer: Viewer) -> dict[ProcessIdentity, Launch]:
        """Return what each server was launched for, by its guardian."""
        found: dict[ProcessIdentity, Launch] = {}
        for group in self._groups or ():
            numbers = numbers_of(group.marker)
            task = await viewer.find(f"#{numbers[0]}") if numbers else None
            if numbers is None or task is None or group.guardian is None:
                continue
            experiment = await viewer.experiment(*numbers)
            if experiment is not None and is_launch_of(group, task, experiment):
                name = f"{task.ref}, experiment {numbers[1]}"
                found[group.guardian] = Launch(*numbers, name, experiment.log)
        return found

    def show(self, groups: tuple[Group, ...]) -> None:
        """Show these processes."""
        before = {group.guardian for group in self._groups or ()}
        self._groups = groups
        self._fill()
        if {group.guardian for group in groups} - before:
            self.ask()  # there are launches whose names are not known yet

    def show_launches(self, launches: dict[ProcessIdentity, Launch]) -> None:
        """Show what each server was launched for, by its guardian."""
        self._launches = launches
        self._fill()

    def _fill(self) -> None:
        rows = tuple(
            ProcessRow(group, self._launches.get(group.guardian) if group.guardian else None)
            for group in self._groups or ()
        )
        self._table.empty = empty_lines(
            "No server of ours is running, and nobody listens on a port.",
            "Servers appear here while a task runs: 1 shows all tasks.",
            "K ends any process of this machine by its exact PID, after asking.",
        )
        if self._groups is not None:
            self._table.show(Window(0, rows, len(rows)))
        self.retitle()

    def on_table_moved(self) -> None:
        """Say more of the row under the cursor."""
        self._below.redraw()

    @property
    def current(self) -> ProcessRow | None:
        """The row under the cursor."""
        return self._table.current

    # Keys

    def action_stop(self) -> None:
        """Stop the run that a server belongs to, or end what is left of one."""
        row = self.current
        if row is None:
            return
        if row.group.standing == "foreign":
            self.autotuner.say("it is none of ours; K ends one process by its PID", "warn")
        elif row.group.standing == "leftover":
            self._end_leftover(row)
        elif row.launch is not None:
            stop_task(self.autotuner, row.launch.task)
        else:
            self.autotuner.say("its run is kept in another AUTOTUNER_HOME: stop it there", "warn")

    def _end_leftover(self, row: ProcessRow) -> None:
        guardian = row.group.guardian

        async def end() -> str:
            swept = await asyncio.to_thread(leftovers.end, (), only=guardian)
            left = "; ".join(str(leftover) for leftover in swept.remaining)
            return f"could not end {left}" if left else f"ended {len(swept.ended)} processes"

        self.app.push_screen(
            Confirm(
                "End what is left of this server?",
                [confirmation_lines(p, {})[0] for p in row.group.processes[:6]],
                yes="end it",
            ),
            lambda yes: self.autotuner.do(end()) if yes else None,
        )

    def action_end_pid(self) -> None:
        """Ask for a PID, show the process, have it confirmed, and end it."""
        row = self.current
        self.app.push_screen(
            Ask(
                "PID of the process to end",
                str(row.group.root.identity.pid) if row is not None else "",
                details=["It is shown, and has to be confirmed, before anything happens to it."],
                check=_check_pid,
            ),
            lambda text: self._show_and_end(int(text)) if text else None,
        )

    def _show_and_end(self, pid: int) -> None:
        who = identity.identify(pid)
        process = identity.describe(who) if who is not None else None
        if who is None or process is None:
            self.autotuner.say(f"there is no process with PID {pid}", "warn")
            return

        async def look() -> None:
            used = await asyncio.to_thread(_gpu_memory, self.autotuner.gpus or NvmlGpus(), pid)
            first = guarded_kill.rule(who)
            if first.ruling is guarded_kill.Ruling.REFUSED:
                self.autotuner.say(f"✗ not ended: {first.reason}", "bad")
                return
            self.app.push_screen(
                Ask(
                    f"Type {confirmation(who)} to end this process",
                    details=confirmation_lines(process, used),
                    check=lambda text: "" if text.strip() == confirmation(who) else "not yet",
                ),
                lambda typed: self.autotuner.do(_end(typed)) if typed else None,
            )

        async def _end(typed: str) -> str:
            return (await guarded_kill.end_process(who, typed=typed)).text

        self.autotuner.do(look())

    def action_log(self) -> None:
        """Show the server's log."""
        self._open("log", "only servers of runs that are kept here have a log")

    def on_table_opened(self) -> None:
        """Show the experiment that the server serves."""
        self._open("experiment", "only servers of runs that are kept here have an experiment")

    def _open(self, screen: str, otherwise: str) -> None:
        launch = self.current.launch if self.current is not None else None
        if launch is None:
            self.autotuner.say(otherwise, "warn")
        else:
            subject = self.autotuner.subject.at(launch.task, launch.experiment)
            self.autotuner.go(screen, subject)


class Details(Canvas):
    """The row under the cursor, at length."""

    DEFAULT_CSS = f"Details {{ height: {_DETAILS}; }}"

    def __init__(self, view: ProcessesView) -> None:
        super().__init__()
        self._view = view

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the lines."""
        row = self._view.current
        return [] if row is None else details(row, width, height)


def _check_pid(text: str) -> str:
    if not text.strip().isdigit():
        return "a PID is a whole number"
    return "" if identity.identify(int(text)) else f"there is no process with PID {text.strip()}"


def _gpu_memory(gpus: Gpus, pid: int) -> dict[str, int]:
    return {
        f"GPU {gpu.index}": used.used_bytes
        for gpu in gpus.present()
        for used in gpus.processes(gpu.uuid) or ()
        if used.pid == pid and used.used_bytes is not None
    }
