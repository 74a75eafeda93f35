"""The parts of the form that are not its table: the YAML, and what there is to say of it."""

import contextlib
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import TextArea

from core.report.forecast import Forecast
from tui.form.draft import Draft
from tui.spans import Line, Span, crop, line, wrap
from tui.widgets.canvas import Canvas
from tui.widgets.prompt_keys import PromptKeys


class YamlPane(PromptKeys, TextArea):
    """The YAML, to read and to type into."""

    DEFAULT_CSS = """
    YamlPane, YamlPane:focus {
        border: none; border-left: solid $panel; padding: 0 0 0 1; width: 1fr;
        background: $background;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "screen.yaml", "form", priority=True),
        Binding("escape", "screen.leave_yaml", "form", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__("", show_line_numbers=True, tab_behavior="focus", compact=True)
        self.cursor_blink = False

    def show(self, text: str) -> None:
        """Take in another text, and stay where the cursor is."""
        if text != self.text:
            place = self.cursor_location
            self.load_text(text)
            with contextlib.suppress(ValueError, IndexError):
                self.move_cursor(place)


class Status(Canvas):
    """What the task amounts to, and what is wrong with it."""

    DEFAULT_CSS = "Status { height: 5; }"

    def __init__(self, draft: Callable[[], Draft | None], help_: Callable[[], str]) -> None:
        """Make the lines.

        Args:
            draft: returns what is written; None while there is nothing to begin with.
            help_: returns what is said of the row under the cursor.
        """
        super().__init__()
        self._draft = draft
        self._help = help_
        self.forecast: Forecast | None = None
        """What the task will come to; None while it is worked out."""

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the lines."""
        draft = self._draft()
        rule = line(Span("─" * width, "muted"))
        if draft is None:
            return [rule, line(Span(" looking for engines, models and GPUs …", "muted"))]
        rows = [rule, crop(line(Span(f" {self._help()}", "muted")), width)]
        if not draft.problems:
            rows += forecast_lines(self.forecast, draft.name, width)
        for problem in draft.problems[: height - 3]:
            rows += wrap(f" ✗ {problem}", width, "bad", most=2)
        return rows[:height]


def forecast_lines(forecast: Forecast | None, name: str, width: int) -> list[Line]:
    """Return what a task will come to, and how much of it need not be tried."""
    if forecast is None:
        return [line(Span(" counting …", "muted"))]
    told = [
        row
        for problem in forecast.problems
        for row in wrap(f" ✗ {problem.removeprefix(f'{name}:').strip()}", width, "bad", most=2)
    ]
    plan = forecast.plan
    if plan is None:
        return told
    told.append(line(" ", Span(plan.headline, "title"), ", the defaults first" * plan.baseline))
    skipped = sum(skip.count for skip in plan.survey.skipped)
    if skipped:
        reason = plan.survey.skipped[0].reason
        told.append(line(Span(f" {skipped} left out, such as: {reason}", "muted")))
    else:
        told.append(line(Span(f" by {plan.estimate.basis}", "muted")))
    return [crop(row, width) for row in told]
