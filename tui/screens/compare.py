"""Two to six experiments side by side, of one task or of several."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from textual.widget import Widget

from core.events import Experiment, Outcome
from core.machine import identity
from core.report import figures
from core.report.characters import one_line
from core.report.conclusion import outcome_in_words
from core.report.launch import launch_command
from core.store import Viewer
from core.task import Level
from tui.comparison import Compared, common_levels, comparison
from tui.dialogs.picker import Choice, Picker
from tui.keymap import Scope
from tui.screens.view import Question, View
from tui.spans import Line, Span, joined, line
from tui.subject import Mark
from tui.widgets.page import Page
from tui.widgets.table import empty_lines

_OFFERED = 200
"""Experiments of a task that can be chosen from, the best first."""


@dataclass(frozen=True)
class _Answer:
    columns: tuple[Compared, ...]
    chosen_for_you: bool
    """Whether less than two were marked, so that something stands against the defaults."""


class CompareView(View):
    """A column for each marked experiment."""

    NAME = "compare"
    SCOPES = (Scope.COMPARE, Scope.PAGE)

    def __init__(self) -> None:
        super().__init__()
        self._answer: _Answer | None = None
        self._column = 0
        self._level: int | None = None
        """Place among the common load levels; None compares whole experiments."""
        self._level_chosen = False

    def body(self) -> Sequence[Widget]:
        """Return the table."""
        self._page = Page(self._draw, id="comparison")
        return [self._page]

    def on_mount(self) -> None:
        """Take the keys."""
        self._page.focus()

    def heading(self) -> Line:
        """Return what is compared."""
        answer = self._answer
        if answer is None or not answer.columns:
            return line(Span("Compare", "title"))
        level = self._at_level(answer)
        return joined(
            [
                line(Span(f"Compare {len(answer.columns)}", "title")),
                line(Span(f"at {level}" if level else "over all load levels", "muted")),
                line(
                    Span("against the defaults; Space marks others", "accent")
                    if answer.chosen_for_you
                    else ""
                ),
            ],
            "  ",
        )

    def questions(self) -> Sequence[Question]:
        """Ask for the marked experiments."""
        subject = self.autotuner.subject
        marks, task = subject.marks, subject.task

        async def read(viewer: Viewer) -> _Answer:
            wanted, chosen_for_you = marks, False
            if len(wanted) < 2 and task is not None:
                wanted = await _usual(viewer, task, wanted)
                chosen_for_you = True
            found = [await _compared(viewer, mark) for mark in wanted]
            return _Answer(tuple(c for c in found if c is not None), chosen_for_you)

        return [Question(read, self._show)]

    def _show(self, answer: _Answer) -> None:
        self._answer = answer
        self._column = max(0, min(self._column, len(answer.columns) - 1))
        levels = common_levels(answer.columns)
        if not self._level_chosen:
            # Where there is but one level, its figures have intervals and say all there is.
            self._level = 0 if len(levels) == 1 else None
        if self._level is not None and self._level >= len(levels):
            self._level = None
        self._page.redraw()
        self.retitle()

    def _at_level(self, answer: _Answer) -> Level | None:
        levels = common_levels(answer.columns)
        return (
            levels[self._level] if self._level is not None and self._level < len(levels) else None
        )

    def _draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002
        answer = self._answer
        if answer is None:
            return []
        if not answer.columns:
            return _NOTHING
        if len(answer.columns) == 1:
            return _ONE
        return comparison(answer.columns, self._at_level(answer), self._column, width)

    @property
    def _current(self) -> Compared | None:
        columns = self._answer.columns if self._answer is not None else ()
        return columns[self._column] if columns else None

    # Keys

    def action_shift(self, step: int) -> None:
        """Move to another column."""
        count = len(self._answer.columns) if self._answer is not None else 0
        self._column = max(0, min(self._column + step, count - 1))
        self._page.redraw()

    def action_level(self, step: int) -> None:
        """Compare at another load level, or whole experiments."""
        if self._answer is None:
            return
        choices: list[int | None] = [None, *range(len(common_levels(self._answer.columns)))]
        at = choices.index(self._level) if self._level in choices else 0
        self._level = choices[(at + step) % len(choices)]
        self._level_chosen = True
        self._page.redraw()
        self.retitle()

    def action_open(self) -> None:
        """Show the experiment of the column."""
        if (column := self._current) is not None:
            app = self.autotuner
            app.go("experiment", app.subject.at(column.task_id, column.experiment.number))

    def action_copy(self) -> None:
        """Copy the launch command of the column."""
        column = self._current
        if column is None or not column.experiment.argv:
            self.autotuner.say("there is no launch command here", "warn")
            return
        environment = column.task.engine.environment
        self.autotuner.copy(launch_command(column.experiment.argv, environment), "launch command")

    def action_remove(self) -> None:
        """Take the column away."""
        column, answer = self._current, self._answer
        if column is None or answer is None:
            return
        mark = (column.task_id, column.experiment.number)
        rest = tuple((c.task_id, c.experiment.number) for c in answer.columns)
        self._mark(tuple(each for each in rest if each != mark))

    def action_first(self) -> None:
        """Hold the others against this column."""
        column, answer = self._current, self._answer
        if column is None or answer is None:
            return
        mark = (column.task_id, column.experiment.number)
        every = [(c.task_id, c.experiment.number) for c in answer.columns]
        self._mark((mark, *(each for each in every if each != mark)))
        self._column = 0

    def action_clear(self) -> None:
        """Take all marks away."""
        self._mark(())

    def _mark(self, marks: tuple[Mark, ...]) -> None:
        self.autotuner.subject = replace(self.autotuner.subject, marks=marks)
        self.ask()

    def action_add(self) -> None:
        """Ask for a task, then for an experiment of it."""
        tasks = self.autotuner.recent
        if not tasks:
            self.autotuner.say("there is no task yet", "warn")
            return
        choices = [
            Choice(task.id, one_line(task.ref), one_line(f"{task.engine} · {task.model}"))
            for task in tasks
        ]
        self.app.push_screen(
            Picker[int]("Of which task?", choices, current=self.autotuner.subject.task),
            lambda task: self.autotuner.do(self._offer(task)) if task is not None else None,
        )

    async def _offer(self, task_id: int) -> str:
        async with Viewer(is_alive=identity.is_alive) as viewer:
            page = await viewer.experiments(task_id, sort="rank", limit=_OFFERED, sub_rounds=False)
        if not page.rows:
            return "this task has no experiments"
        choices = [Choice(e.number, f"{e.number}  {e.configuration}", _note(e)) for e in page.rows]
        self.app.push_screen(
            Picker[int]("Which experiment?", choices),
            lambda number: self._add((task_id, number)) if number is not None else None,
        )
        return ""

    def _add(self, mark: Mark) -> None:
        if self._answer is not None and self._answer.chosen_for_you:
            shown = tuple((c.task_id, c.experiment.number) for c in self._answer.columns)
            self.autotuner.subject = replace(self.autotuner.subject, marks=shown)
        if mark not in self.autotuner.subject.marks:
            self.autotuner.mark(mark)
        self.ask()


def _note(experiment: Experiment) -> str:
    verdict = experiment.verdict
    if verdict is None or verdict.value is None:
        return outcome_in_words(experiment)
    return figures.objective(verdict.objective, verdict.value)


async def _usual(viewer: Viewer, task_id: int, marked: Sequence[Mark]) -> tuple[Mark, ...]:
    """Return the defaults of a task and what is marked, or else the best."""
    summary = await viewer.summary(task_id)
    first = await viewer.experiments(task_id, limit=20, sub_rounds=False)
    baseline = next((e.number for e in first.rows if _is_baseline(e)), None)
    best = summary.best if summary is not None else None
    usual = [(task_id, n) for n in (baseline,) if n is not None]
    others = list(marked) or [(task_id, n) for n in (best,) if n is not None]
    return tuple(dict.fromkeys((*usual, *others)))


def _is_baseline(of: Experiment) -> bool:
    return of.origin == "baseline" and of.outcome in {Outcome.OK, Outcome.INFEASIBLE}


async def _compared(viewer: Viewer, mark: Mark) -> Compared | None:
    task_id, number = mark
    stored, summary = await viewer.find(f"#{task_id}"), await viewer.summary(task_id)
    experiment = await viewer.experiment(task_id, number)
    if stored is None or summary is None or experiment is None:
        return None
    return Compared(task_id, stored.ref, stored.task, experiment, summary.best == number)


_NOTHING = empty_lines(
    "Nothing is marked.",
    "Space marks an experiment of a task (2), a adds one of any task;",
    "two to six are compared.",
)
_ONE = empty_lines("One experiment is marked.", "a adds another, of this or of another task.")
