"""One task, live: its experiments as they come, what goes on now, and the best so far."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from core.events import Experiment, Phase
from core.report import figures
from core.report.characters import one_line
from core.report.launch import launch_command
from core.store import Page, StoredTask, TaskState, TaskSummary, Viewer
from tui.chart.run_points import ExperimentPoint
from tui.dialogs.picker import Choice, Picker
from tui.experiment_rows import ExperimentRow, columns
from tui.keymap import Scope
from tui.live import EVENTS, Live, activity, live, news_lines, seconds_left, standing_lines
from tui.screens.requests import ask_for_export, run_task, stop_task
from tui.screens.view import Question, View
from tui.spans import EMPTY, Line, Span, joined, line
from tui.task_panel import Course, panel
from tui.task_rows import TaskRow, progress_bar, state
from tui.widgets.canvas import Canvas
from tui.widgets.table import Order, Table, Window, empty_lines

SIDE_FROM = 112
"""Columns from which there is room for a panel beside the table."""
BELOW_FROM = 36
"""Lines from which there is room for it below the table, where there is none beside it."""

_ORDERS: tuple[Choice[str], ...] = (
    Choice("number", "number", "as they were made"),
    Choice("rank", "rank", "the best first; what decides"),
    Choice("value", "objective"),
    Choice("score", "score", "lower is better"),
    Choice("duration", "time"),
    Choice("outcome", "outcome"),
)


@dataclass(frozen=True)
class TaskAnswer:
    """A task, a window on its experiments, and what goes on."""

    stored: StoredTask
    summary: TaskSummary
    page: Page[Experiment]
    offset: int
    live: Live


class TaskView(View):
    """The live heart of the app."""

    NAME = "task"
    SCOPES = (Scope.TASK, Scope.LIST)

    def __init__(self) -> None:
        super().__init__()
        self._order = Order("number", descending=False)
        self._answer: TaskAnswer | None = None
        self._task_id: int | None = None
        self._zoomed = False
        self.points: tuple[ExperimentPoint, ...] = ()
        """Every experiment of the task, for the panel beside the table."""

    def body(self) -> Sequence[Widget]:
        """Return the table with what goes on below it, and the panel beside them."""
        self._table: Table[ExperimentRow] = Table(
            lambda row: (self._task_id, row.experiment.number), id="experiments"
        )
        self._now = Now(self)
        self._side = Side(self)
        self._parts = Horizontal(Vertical(self._table, self._now), self._side)
        return [self._parts]

    def on_mount(self) -> None:
        """Take the keys."""
        self._table.focus()

    def arrive(self) -> None:
        """Forget the task that was looked at before, if this is another."""
        task = self.autotuner.subject.task
        if task != self._task_id:
            self._task_id, self._answer, self.points = task, None, ()
            self._side.course = Course()
            self._table.reset()
            self._table.following = True
        self._table.empty = _NO_TASK if task is None else _NO_EXPERIMENTS
        if task is None:
            self._table.show(Window())
        self._table.marked = self.autotuner.subject.marks

    def on_screen_suspend(self) -> None:
        """Keep no copy of what another screen may read with more to it."""
        self.points = ()
        self._side.course.let_go()

    def heading(self) -> Line:
        """Return the task's name, state, progress and clocks."""
        answer = self._answer
        if answer is None:
            return line(Span("Task", "title"))
        summary = answer.summary
        row = TaskRow(summary, time.time())
        over, planned = summary.done, summary.planned
        parts = [
            line(Span(one_line(summary.ref), "title")),
            state(row),
            line(progress_bar(over, planned, 8), f" {over}/{planned}") if planned else EMPTY,
            line(Span(self._clocks(answer), "muted")),
            line(
                Span(summary.engine, "warn" if summary.simulated else "muted"),
                Span(f" · {one_line(summary.model)}", "muted"),
            ),
            line(Span("following" if self._is_following else "", "accent")),
        ]
        return joined(parts, "  ")

    @property
    def _is_following(self) -> bool:
        """Whether the cursor goes along with a run that goes on."""
        answer = self._answer
        running = answer is not None and answer.summary.state is TaskState.RUNNING
        return running and self._table.following

    @property
    def told_of(self) -> int | None:
        """The title is about the task that is looked at."""
        return self._task_id

    def _clocks(self, answer: TaskAnswer) -> str:
        summary, search = answer.summary, answer.live.state.search
        now = time.time()
        elapsed = figures.clock(summary.elapsed(now))
        left = seconds_left(search, summary.began_at or 0.0, now) if search is not None else None
        if summary.state is not TaskState.RUNNING or left is None:
            return elapsed
        return f"{elapsed}, ≈{figures.clock(left)} left"

    def questions(self) -> Sequence[Question]:
        """Ask for the window that is on the screen, and for what goes on."""
        if self._task_id is None:
            return ()
        task_id, order = self._task_id, self._order
        offset, limit = self._table.wanted

        async def read(viewer: Viewer) -> TaskAnswer | None:
            return await read_task(viewer, task_id, order, offset, limit)

        questions: list[Question] = [Question(read, self._show)]
        if self._side.display:
            points = self.autotuner.points(task_id, sub_rounds=False)
            questions.append(Question(points, self._show_points))
        return questions

    def _show_points(self, points: tuple[ExperimentPoint, ...]) -> None:
        if points != self.points:
            self.points = points
            self._side.redraw()

    def _show(self, answer: TaskAnswer | None) -> None:
        if answer is None:
            self.autotuner.say("this task is gone", "warn")
            self.autotuner.go("tasks", keep_trail=False)
            return
        if self._answer is None or self._answer.stored.id != answer.stored.id:
            self._table.columns = columns(answer.stored.task)
        self._answer = answer
        self._table.order = self._order
        self._fill()
        self._now.redraw()
        self._side.redraw()
        self.retitle()

    def _fill(self) -> None:
        answer = self._answer
        if answer is None:
            return
        now = time.time()
        rows = tuple(
            ExperimentRow(
                experiment,
                best=experiment.number == answer.summary.best,
                progress=answer.live.progress(experiment),
                now=None if experiment.phase is Phase.DONE else now,
            )
            for experiment in answer.page.rows
        )
        self._table.show(Window(answer.offset, rows, answer.page.total))

    @property
    def has_panel(self) -> bool:
        """Whether the panel is shown, and says what need not be said below the table."""
        return bool(self._side.display)

    @property
    def answer(self) -> TaskAnswer | None:
        """What was read last."""
        return self._answer

    def tick(self) -> None:
        """Let the clocks of a run go on."""
        if self._answer is not None and self._answer.summary.state is TaskState.RUNNING:
            self._fill()
            self._now.redraw()
            self.retitle()

    def on_resize(self) -> None:
        """Show the panel where there is room for it."""
        self._lay_out()

    def _lay_out(self) -> None:
        width, height = self.size
        beside = width >= SIDE_FROM
        shown = (beside or height >= BELOW_FROM) and not self._zoomed
        if shown != self._side.display:
            self._side.display = shown
            self.ask()  # the panel has a question of its own
        self._parts.styles.layout = "horizontal" if beside else "vertical"
        self._side.styles.width = max(42, width // 3) if beside else "1fr"
        self._side.styles.height = "1fr" if beside else height * 2 // 5

    def on_table_wanted(self) -> None:
        """Ask for other rows."""
        self.ask()

    def on_table_moved(self) -> None:
        """Have the other screens be about the experiment under the cursor."""
        self.aim()

    def aim(self) -> None:
        """Remember which experiment is looked at."""
        row = self._table.current
        if row is not None and self._task_id is not None and self.is_current:
            self.autotuner.subject = self.autotuner.subject.at(self._task_id, row.experiment.number)

    def on_table_opened(self) -> None:
        """Show the experiment under the cursor."""
        self.autotuner.go("experiment")

    # Keys

    def action_follow(self) -> None:
        """Keep the cursor on the newest experiment, or not."""
        self._table.following = not self._table.following
        if self._table.following:
            self._order = Order("number", descending=False)
            self._table.action_bottom()
        self.ask()
        self.autotuner.say("following the newest" if self._table.following else "not following")
        self.retitle()

    def action_mark(self) -> None:
        """Mark the experiment for comparing, or not any more."""
        if (row := self._table.current) is not None and self._task_id is not None:
            self.autotuner.mark((self._task_id, row.experiment.number))
            self._table.marked = {(task, number) for task, number in self.autotuner.subject.marks}
            self._table.redraw()

    def action_sort(self) -> None:
        """Ask for the order."""
        self.app.push_screen(
            Picker[str]("Sort experiments by", _ORDERS, current=self._order.by), self._sort
        )

    def _sort(self, by: str | None) -> None:
        if by is not None:
            self._order = Order(by, descending=by == "value" and self._maximised())
            self._table.following = False
            self._table.action_top()
            self.ask()

    def _maximised(self) -> bool:
        objective = self._answer.stored.task.optimization.objective if self._answer else ""
        return objective.startswith("maximize")

    def action_reverse(self) -> None:
        """Turn the order round."""
        self._order = Order(self._order.by, descending=not self._order.descending)
        self._table.following = False
        self.ask()

    def action_log(self) -> None:
        """Show the server's log of the experiment."""
        self.autotuner.go("log")

    def action_run(self) -> None:
        """Start or resume the run."""
        if self._task_id is not None:
            run_task(self.autotuner, self._task_id)

    def action_stop(self) -> None:
        """Ask, then stop the run."""
        if self._task_id is not None:
            stop_task(self.autotuner, self._task_id)

    def action_edit(self) -> None:
        """Open the task in the form."""
        self.autotuner.open_form(self._task_id)

    def action_export(self) -> None:
        """Write the task to a file."""
        if self._answer is not None:
            ask_for_export(self.autotuner, self._answer.stored.id, self._answer.stored.ref)

    def action_copy(self) -> None:
        """Copy the launch command of the experiment under the cursor."""
        row = self._table.current
        if row is None or self._answer is None:
            return
        if not row.experiment.argv:
            self.autotuner.say("this experiment was not launched yet", "warn")
            return
        environment = self._answer.stored.task.engine.environment
        self.autotuner.copy(launch_command(row.experiment.argv, environment), "launch command")

    def action_zoom(self) -> None:
        """Give the table the whole width, or not."""
        self._zoomed = not self._zoomed
        self._lay_out()


async def read_task(
    viewer: Viewer, task_id: int, order: Order, offset: int, limit: int
) -> TaskAnswer | None:
    """Read a task, a window on its experiments and what goes on; None if the task is gone."""
    stored, summary = await viewer.find(f"#{task_id}"), await viewer.summary(task_id)
    if stored is None or summary is None:
        return None
    page = await viewer.experiments(
        task_id,
        sort=order.by,  # type: ignore[arg-type]  # the orders are those of the store
        descending=order.descending,
        limit=limit,
        offset=offset,
        sub_rounds=False,
    )
    newest = await viewer.experiments(task_id, descending=True, limit=12, sub_rounds=False)
    oldest = await viewer.experiments(task_id, limit=3, sub_rounds=False)
    known = {e.number: e for e in (*page.rows, *newest.rows, *oldest.rows)}
    if summary.best is not None and summary.best not in known:
        best = await viewer.experiment(task_id, summary.best)
        known |= {best.number: best} if best is not None else {}
    events = [recorded.event for recorded in await viewer.latest_events(task_id, EVENTS)]
    return TaskAnswer(
        stored=stored,
        summary=summary,
        page=page,
        offset=offset,
        live=live(events, list(known.values()), stored.task.levels(), time.time()),
    )


class Now(Canvas):
    """What goes on, below the table."""

    DEFAULT_CSS = "Now { height: 5; }"

    def __init__(self, view: TaskView) -> None:
        super().__init__()
        self._view = view

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the activity, where the search stands, and what happened last."""
        answer = self._view.answer
        if answer is None:
            return []
        now = time.time()
        if answer.summary.state is TaskState.INTERRUPTED:
            rows = [
                line(Span("! its runner is gone without a word; r takes the run up again", "warn"))
            ]
        else:
            rows = activity(answer.live, answer.summary, now, width)
        rows += standing_lines(answer.live, answer.summary, width)
        room = 0 if self._view.has_panel else height - 1 - len(rows)
        news = news_lines(answer.live, width, room) if room > 0 else []
        return [line(Span("─" * width, "muted")), *rows[: height - 1], *news]


class Side(Canvas):
    """The best so far and the course of the run, beside the table."""

    DEFAULT_CSS = "Side { width: 46; padding-left: 2; }"

    def __init__(self, view: TaskView) -> None:
        super().__init__()
        self._view = view
        self.course = Course()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the panel."""
        answer = self._view.answer
        if answer is None:
            return []
        return panel(
            answer.live,
            answer.summary,
            answer.stored.task,
            self._view.points,
            self.course,
            width,
            height,
            "dots" if self._view.autotuner.ascii else "braille",
        )


_NO_TASK = empty_lines("No task chosen.", "1 shows all tasks, Enter opens one, n makes a new one.")
_NO_EXPERIMENTS = empty_lines(
    "No experiment yet.",
    "r starts the run. The engine's defaults are measured first, then the search begins.",
)
