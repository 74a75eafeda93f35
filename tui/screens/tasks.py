"""All tasks, and the GPUs they run on."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from textual.containers import Vertical
from textual.widget import Widget

from core.machine.nvml import NvmlGpus
from core.paths import is_file, path_of
from core.store import Lease, Page, TaskSummary, Viewer
from tui import commands
from tui.dialogs.asking import Ask, Confirm
from tui.dialogs.picker import Choice, Picker
from tui.gpu_watch import GpusSeen, gpus_reading, strip
from tui.keymap import Scope
from tui.screens.requests import ask_for_export, run_task, stop_task
from tui.screens.view import Question, View
from tui.spans import Line, Span, line
from tui.task_rows import COLUMNS, TaskRow, details
from tui.widgets.canvas import Canvas
from tui.widgets.table import Order, Table, Window, empty_lines

_MOST_GPUS = 4
_FRAME = 5
"""Lines that title, hints and the table's header take."""
_TALL = 30
"""Lines from which there is always room to say more of one task."""

_ORDERS: tuple[Choice[str], ...] = (
    Choice("created", "when it was made"),
    Choice("name", "name"),
    Choice("engine", "engine"),
    Choice("model", "model"),
    Choice("state", "state"),
)


@dataclass(frozen=True)
class _Answer:
    page: Page[TaskSummary]
    hidden: int
    """Finished runs of `verify` that are not among them."""
    offset: int
    leases: tuple[Lease, ...]
    at: float


class TasksView(View):
    """The list of tasks."""

    NAME = "tasks"
    SCOPES = (Scope.TASKS, Scope.LIST)

    def __init__(self) -> None:
        super().__init__()
        self._filter = ""
        self._verifications = False
        self._order = Order("created", descending=True)
        self._seen: GpusSeen | None = None
        self._answer: _Answer | None = None

    def body(self) -> Sequence[Widget]:
        """Return the strip of GPUs, the table, and what there is to say of the selected task."""
        self._gpus = _Rows(id="gpus")
        self._table: Table[TaskRow] = Table(lambda row: row.task.id, id="tasks")
        self._below = _Rows(id="below")
        return [Vertical(self._gpus, self._table, self._below)]

    def on_mount(self) -> None:
        """Choose the columns, and take the keys."""
        self._table.columns = COLUMNS
        self._table.focus()
        self._gpus_read = gpus_reading(self.autotuner.gpus or NvmlGpus())

    def heading(self) -> Line:
        """Return the name of the program, how many tasks there are, and what filters them."""
        total = self._answer.page.total if self._answer else 0
        parts = line(
            Span("autotuner", "title"),
            Span(f"  {total:,} task{'s' * (total != 1)}" if total else "", "muted"),
        )
        if self._filter:
            parts = line(parts, Span(f"  filter: {self._filter}", "accent"), "  / changes it")
        if self._answer and (hidden := self._answer.hidden):
            runs = f"{hidden} run{'s' * (hidden > 1)} of verify"
            parts = line(parts, Span(f"  and {runs}: a shows them", "muted"))
        return parts

    def questions(self) -> Sequence[Question]:
        """Ask for the window that is on the screen, and for the GPUs."""
        offset, limit = self._table.wanted
        by, descending, matching = self._order.by, self._order.descending, self._filter
        verifications = self._verifications

        async def read(viewer: Viewer) -> _Answer:
            page = await viewer.tasks(
                matching,
                verifications=verifications,
                sort=by,  # type: ignore[arg-type]
                descending=descending,
                limit=limit,
                offset=offset,
            )
            every = page if verifications else await viewer.tasks(matching, limit=0)
            hidden = every.total - page.total
            return _Answer(page, hidden, offset, await viewer.leases(), time.time())

        return [Question(read, self._show), Question(self._gpus_read, self._show_gpus, "machine")]

    def _show(self, answer: _Answer) -> None:
        self._answer = answer
        self._table.empty = (
            empty_lines(f"No task contains “{self._filter}”.", "esc or / shows all of them again.")
            if self._filter
            else _NO_TASKS
        )
        self._table.order = self._order
        self._fill()
        self._show_gpus(self._seen)
        self.retitle()

    def _fill(self) -> None:
        answer = self._answer
        if answer is None:
            return
        now = time.time()
        rows = tuple(TaskRow(task, now) for task in answer.page.rows)
        self._table.show(Window(answer.offset, rows, answer.page.total))

    def _show_gpus(self, seen: GpusSeen | None) -> None:
        self._seen = seen
        holders = {
            lease.gpu: f"held by {self._name_of(lease)}"
            for lease in (self._answer.leases if self._answer else ())
        }
        self._gpus.show([line(" ", row) for row in strip(seen, holders, time.time(), _MOST_GPUS)])

    def _name_of(self, lease: Lease) -> str:
        running = self.autotuner.running
        return next(
            (task.ref for task in running if task.runner == lease.holder), str(lease.holder)
        )

    def tick(self) -> None:
        """Let the clocks of running tasks go on."""
        if self.autotuner.running:
            self._fill()
        self._show_gpus(self._seen)

    def on_table_wanted(self) -> None:
        """Ask for other rows."""
        self.ask()

    def aim(self) -> None:
        """Have the other screens be about the task under the cursor."""
        row = self._table.current
        if row is not None and self.is_current:
            self.autotuner.subject = self.autotuner.subject.at(row.task.id)

    def on_table_moved(self) -> None:
        """Have the other screens be about the task under the cursor, and say more of it here."""
        self.aim()
        row = self._table.current
        rows = details(row, self.size.width) if row is not None else []
        room = self.size.height - _FRAME - self._gpus.size.height - self._table.total
        self._below.show(rows if room >= len(rows) or self.size.height >= _TALL else [])

    def on_table_opened(self) -> None:
        """Show the task under the cursor."""
        if (row := self._table.current) is not None:
            self.autotuner.go("task", self.autotuner.subject.at(row.task.id))

    # Keys

    def action_new(self) -> None:
        """Open the form for a new task."""
        self.autotuner.open_form(None)

    def action_edit(self) -> None:
        """Open the form with this task."""
        if (row := self._table.current) is not None:
            self.autotuner.open_form(row.task.id)

    def action_duplicate(self) -> None:
        """Open the form with a copy of this task."""
        if (row := self._table.current) is not None:
            self.autotuner.open_form(row.task.id, copy=True)

    def action_import_file(self) -> None:
        """Ask for a task file and open it in the form."""
        self.app.push_screen(
            Ask(
                "Task file to open, YAML or JSON",
                placeholder="sample_tasks/quickstart.yaml",
                check=_check_file,
            ),
            lambda path: self.autotuner.open_file(path) if path else None,
        )

    def action_run(self) -> None:
        """Start the task."""
        if (row := self._table.current) is not None:
            run_task(self.autotuner, row.task.id)

    def action_stop(self) -> None:
        """Ask, then stop the run."""
        if (row := self._table.current) is not None:
            stop_task(self.autotuner, row.task.id)

    def action_delete(self) -> None:
        """Ask, then delete the task that was under the cursor when it was asked."""
        row = self._table.current
        if row is None:
            return
        task = row.task

        async def delete() -> str:
            return await commands.delete(await commands.find(task.id))

        self.app.push_screen(
            Confirm(
                f"Delete {task.ref}?",
                _what_goes(task),
                yes="delete it",
            ),
            lambda yes: self.autotuner.do(delete()) if yes else None,
        )

    def action_export(self) -> None:
        """Ask for a form, and write the task to a file."""
        if (row := self._table.current) is not None:
            ask_for_export(self.autotuner, row.task.id, row.task.ref)

    def action_filter(self) -> None:
        """Ask what the tasks have to contain."""
        self.app.push_screen(
            Ask(
                "Show tasks that contain",
                self._filter,
                placeholder="part of a name, an engine, a model or a state",
            ),
            self._filter_by,
        )

    def _filter_by(self, text: str | None) -> None:
        if text is not None:
            self._filter = text.strip()
            self.ask()

    def action_sort(self) -> None:
        """Ask for the order."""
        picker = Picker[str]("Sort tasks by", _ORDERS, current=self._order.by)
        self.app.push_screen(picker, self._sort)

    def _sort(self, by: str | None) -> None:
        if by is not None:
            self._order = Order(by, descending=by == "created")
            self.ask()

    def action_verifications(self) -> None:
        """Show the finished runs of `verify` among the tasks, or not."""
        self._verifications = not self._verifications
        self.autotuner.say(f"runs of verify are {'shown' if self._verifications else 'hidden'}")
        self.ask()

    def action_reverse(self) -> None:
        """Turn the order round."""
        self._order = Order(self._order.by, descending=not self._order.descending)
        self.ask()


def _what_goes(task: TaskSummary) -> list[str]:
    count = sum(task.outcomes.values())
    if not count:
        return ["It has not run yet: nothing measured is lost."]
    experiments = "Its experiment" if count == 1 else f"Its {count:,} experiments"
    return [f"{experiments} and all that was measured go for good.", "The servers' logs stay."]


def _check_file(text: str) -> str:
    return "" if is_file(path_of(text.strip())) else "there is no such file"


class _Rows(Canvas):
    """As many lines as there is something to say."""

    DEFAULT_CSS = "_Rows { height: 0; }"

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._rows: Sequence[Line] = ()

    def show(self, rows: Sequence[Line]) -> None:
        if len(rows) != len(self._rows):
            self.styles.height = len(rows)
        self._rows = rows
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002
        return self._rows


_NO_TASKS = empty_lines(
    "No tasks yet.",
    "A task is a model, a workload and the latency you promise.",
    "Its run ends in one launch command, proven better than the defaults.",
    "",
    "n   makes the first one: the form fills itself, r starts it",
    "I   opens a task file you have",
    "?   shows all keys",
)
