"""One experiment, a part a page: verdict, load levels, latencies, courses, GPUs, launch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.containers import Vertical
from textual.widget import Widget

from core.events import Phase
from core.report import figures
from core.report.characters import BEST, one_line, outcome_symbol
from core.report.conclusion import outcome_in_words
from core.report.launch import launch_command
from core.store import Viewer
from tui.experiment.answer import ExperimentAnswer, read_experiment
from tui.experiment.course_pages import FAMILIES, Family, gpus_page, latency_page, time_page
from tui.experiment.launch_page import launch_page
from tui.experiment.levels_page import levels_page
from tui.experiment.server_page import server_page
from tui.experiment.verdict_page import verdict_page
from tui.experiment_rows import RUNNING
from tui.keymap import Scope
from tui.screens.view import Question, View
from tui.spans import EMPTY, Line, Span, joined, line
from tui.widgets.canvas import Canvas
from tui.widgets.page import Page
from tui.widgets.table import empty_lines


@dataclass(frozen=True)
class _Section:
    title: str
    draw: Callable[["ExperimentView", ExperimentAnswer, int, int], Sequence[Line]]


SECTIONS: tuple[_Section, ...] = (
    _Section("Verdict", lambda _, answer, width, __: verdict_page(answer, width)),
    _Section("Levels", lambda _, answer, width, __: levels_page(answer, width)),
    _Section("Latency", lambda view, a, w, h: latency_page(a, view.chosen, w, h)),
    _Section("Time", lambda _, answer, width, height: time_page(answer, width, height)),
    _Section("Server", lambda _, answer, width, height: server_page(answer, width, height)),
    _Section("GPUs", lambda _, answer, width, height: gpus_page(answer, width, height)),
    _Section("Launch", lambda _, answer, width, __: launch_page(answer, width)),
)
"""The parts, in their order. Each draws itself for a width and a height."""

_LATENCY = 2
_STYLES = {"✓": "ok", "✗": "bad", "!": "warn"}


class ExperimentView(View):
    """Everything about one experiment."""

    NAME = "experiment"
    SCOPES = (Scope.EXPERIMENT, Scope.PAGE)

    def __init__(self) -> None:
        super().__init__()
        self._family = 0
        self._section = 0
        self._level = 0
        self._answer: ExperimentAnswer | None = None
        self._looked = False
        """Whether an answer has come, be it that there is nothing."""

    def body(self) -> Sequence[Widget]:
        """Return the names of the parts, and the part that is shown."""
        self._tabs = _Tabs(self)
        self._page = Page(self._draw, id="part")
        return [Vertical(self._tabs, self._page)]

    def on_mount(self) -> None:
        """Take the keys."""
        self._page.focus()

    @property
    def chosen(self) -> Family:
        """The latency whose spread is shown."""
        return FAMILIES[self._family]

    @property
    def section(self) -> int:
        """Place in `SECTIONS` of the part that is shown."""
        return self._section

    def turn_to(self, title: str, level: int) -> None:
        """Show this part and this load level, now or when the screen is shown."""
        titles = [section.title for section in SECTIONS]
        self._section, self._level = titles.index(title), level

    def arrive(self) -> None:
        """Forget what was looked at before, if it was another experiment."""
        answer, subject = self._answer, self.autotuner.subject
        if answer is None or (answer.stored.id, answer.experiment.number) != (
            subject.task,
            subject.experiment,
        ):
            self._answer, self._looked = None, False
            self._page.to_top()

    def heading(self) -> Line:
        """Return which experiment it is and what became of it."""
        answer = self._answer
        if answer is None:
            return line(Span("Experiment", "title"))
        experiment, verdict = answer.experiment, answer.experiment.verdict
        symbol = RUNNING if experiment.outcome is None else outcome_symbol(experiment)
        value = (
            figures.objective(verdict.objective, verdict.value)
            if verdict is not None and verdict.value is not None
            else ""
        )
        parts = [
            line(Span(one_line(answer.stored.ref), "title"), Span(" ▸ ", "muted"),
                 Span(f"experiment {experiment.number}", "title"),
                 Span(f" of {answer.last}", "muted")),
            line(Span(f"{symbol} {outcome_in_words(experiment)}", _STYLES.get(symbol, "run"))),
            line(Span(f"{BEST} best" if answer.is_best else "", "best")),
            line(Span("simulated" if answer.summary.simulated else "", "warn")),
            line(value),
        ]  # fmt: skip
        return joined(parts, "  ")

    def questions(self) -> Sequence[Question]:
        """Ask for the experiment, and for its single requests where they are drawn."""
        subject = self.autotuner.subject
        if subject.task is None:
            self._looked = True
            self._page.redraw()
            return ()
        task_id, number, level = subject.task, subject.experiment, self._level
        wanted = self._section == _LATENCY

        async def read(viewer: Viewer) -> ExperimentAnswer | None:
            return await read_experiment(viewer, task_id, number, level, with_requests=wanted)

        return [Question(read, self._show)]

    def _show(self, answer: ExperimentAnswer | None) -> None:
        self._answer, self._looked = answer, True
        if answer is not None:
            self._level = answer.level
            self.autotuner.subject = self.autotuner.subject.at(
                answer.stored.id, answer.experiment.number
            )
        self._redraw()

    def _redraw(self) -> None:
        self._tabs.redraw()
        self._page.redraw()
        self.retitle()

    def _draw(self, width: int, height: int) -> Sequence[Line]:
        if self._answer is None:
            return _NOTHING if self._looked else []
        return SECTIONS[self._section].draw(self, self._answer, width, height)

    def tick(self) -> None:
        """Let the clocks of an experiment under way go on."""
        if self._answer is not None and self._answer.experiment.phase is not Phase.DONE:
            self._redraw()

    # Keys

    def action_section(self, step: int) -> None:
        """Show another part."""
        self._section = (self._section + step) % len(SECTIONS)
        self._page.to_top()
        self._tabs.redraw()
        self.ask()

    def action_step(self, step: int) -> None:
        """Show another experiment of the task."""
        answer = self._answer
        if answer is None:
            return
        number = answer.experiment.number + step
        if not 0 <= number <= answer.last:
            self.autotuner.say(f"there are experiments 0 to {answer.last}")
            return
        self.autotuner.subject = self.autotuner.subject.at(answer.stored.id, number)
        self.ask()

    def action_level(self, step: int) -> None:
        """Look at another load level."""
        answer = self._answer
        if answer is None or not answer.experiment.sub_rounds:
            return
        self._level = (self._level + step) % len(answer.experiment.sub_rounds)
        self.ask()

    def action_latency(self) -> None:
        """Show how another latency is spread."""
        if self._section != _LATENCY:
            self.action_section(_LATENCY - self._section)
            return
        self._family = (self._family + 1) % len(FAMILIES)
        self._redraw()

    def action_log(self) -> None:
        """Show the server's log."""
        self.autotuner.go("log")

    def action_copy(self) -> None:
        """Copy the launch command."""
        if self._answer is None or not self._answer.experiment.argv:
            self.autotuner.say("this experiment was not launched yet", "warn")
            return
        environment = self._answer.stored.task.engine.environment
        command = launch_command(self._answer.experiment.argv, environment)
        self.autotuner.copy(command, "launch command")

    def action_mark(self) -> None:
        """Mark the experiment for comparing, or not any more."""
        if self._answer is not None:
            self.autotuner.mark((self._answer.stored.id, self._answer.experiment.number))


class _Tabs(Canvas):
    """The names of the parts."""

    DEFAULT_CSS = "_Tabs { height: 1; }"

    def __init__(self, view: ExperimentView) -> None:
        super().__init__()
        self._view = view

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002
        parts = [
            Span(f" {section.title} ", "current" if at == self._view.section else "muted")
            for at, section in enumerate(SECTIONS)
        ]
        return [joined([EMPTY, *((part,) for part in parts)], "  ")]


_NOTHING = empty_lines(
    "No experiment chosen.",
    "2 shows the experiments of a task, and Enter opens one.",
    "1 shows all tasks.",
)
