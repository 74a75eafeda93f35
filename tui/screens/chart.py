"""The figures of a run against each other: what its experiments reached, and what that cost."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from textual.containers import Vertical
from textual.widget import Widget

from core.report.characters import one_line
from core.report.quantities import PARAMETER, quantity
from core.report.scale import told
from core.store import StoredTask, TaskSummary, Viewer
from tui.chart.by_value import by_value
from tui.chart.drawing import Drawn, draw
from tui.chart.parallel import parallel
from tui.chart.run_effects import EffectsKnown, RunEffects
from tui.chart.run_points import ExperimentPoint, RunPoints
from tui.chart.saving import FORMS, Form, Picture, save
from tui.chart.spec import Chart, Point, Wish, chart, course
from tui.chart.wishes import (
    KIND_TITLES,
    KINDS,
    axes_of,
    fitting,
    objective_of,
    presets,
    remembered,
    to_remember,
)
from tui.dialogs.asking import Ask
from tui.dialogs.picker import Choice, Picker
from tui.experiment_rows import varied
from tui.follower import Partial
from tui.keymap import Scope
from tui.screens.requests import check_new_file
from tui.screens.view import Question, View
from tui.spans import EMPTY, Line, Span, crop, joined, line, wrap
from tui.widgets.canvas import Canvas
from tui.widgets.page import Page
from tui.widgets.table import empty_lines


@dataclass(frozen=True)
class _Answer:
    stored: StoredTask
    summary: TaskSummary
    points: tuple[ExperimentPoint, ...]

    @property
    def slos(self) -> dict[str, float]:
        targets = self.stored.task.slo.targets()
        return {metric: target.threshold for metric, target in targets.items()}


class ChartView(View):
    """A chart of one task, with a cursor that walks its points."""

    NAME = "chart"
    SCOPES = (Scope.CHART, Scope.PAGE)

    def __init__(self) -> None:
        super().__init__()
        self._task_id: int | None = None
        self._reading: RunPoints | None = None
        self._effects_read: RunEffects | None = None
        self._effects = EffectsKnown()
        self._answer: _Answer | None = None
        self._gone = False
        self._wish: Wish | None = None
        self._kind = 0
        self._at: tuple[int, int | None] | None = None
        """The point under the cursor: experiment and index of the load level."""
        self.chart: Chart | None = None
        """What is drawn."""

    def body(self) -> Sequence[Widget]:
        """Return the picture, and the page that stands in its place for long lists."""
        self._picture = _Picture(self, id="chart")
        self._page = Page(self._list, id="by-value")
        return [Vertical(self._picture, self._page)]

    def on_mount(self) -> None:
        """Take the keys."""
        self._lay_out()

    def arrive(self) -> None:
        """Begin anew if another task is looked at."""
        task = self.autotuner.subject.task
        if task != self._task_id:
            self._task_id, self._answer, self._wish, self._gone = task, None, None, False
            self._reading = None if task is None else self.autotuner.points(task, sub_rounds=True)
            self._effects_read = None if task is None else RunEffects(task)
            self._effects = EffectsKnown()
            self._at, self.chart = None, None
        if self._answer is not None and self.autotuner.subject.experiment is not None:
            self._point_at(self.autotuner.subject.experiment)

    def heading(self) -> Line:
        """Return what is drawn."""
        if self._answer is None:
            return line(Span("Chart", "title"))
        count = len(self._answer.points)
        parts = [
            line(Span(one_line(self._answer.stored.ref), "title"), Span(" ▸ ", "muted"),
                 Span(KIND_TITLES[KINDS[self._kind]], "title")),
            line(Span(f"{count:,} experiment{'s' * (count != 1)}", "muted")),
            line(Span("simulated" if self._answer.summary.simulated else "", "warn")),
        ]  # fmt: skip
        return joined([*parts, *self._said_of_wish()], "  ")

    def _said_of_wish(self) -> list[Line]:
        wish = self._wish
        if wish is None or KINDS[self._kind] != "scatter":
            return []
        said = [
            "a point a load level" if wish.of == "levels" else "",
            f"colour: {quantity(wish.colour).title}" if wish.colour != "verdict" else "",
            "Pareto front" if wish.pareto else "",
            "log scale" if wish.log else "",
        ]
        return [line(Span(text, "accent")) for text in said if text]

    def questions(self) -> Sequence[Question]:
        """Ask for every experiment of the task; only what is new is read."""
        reading = self._reading
        if reading is None:
            self._picture.redraw()
            return ()

        async def read(viewer: Viewer) -> "_Answer | Partial | None":
            stored = await viewer.find(f"#{reading.task_id}")
            summary = await viewer.summary(reading.task_id)
            if stored is None or summary is None:
                return None
            points = await reading(viewer)
            if isinstance(points, Partial):
                return Partial(_Answer(stored, summary, points.answer))  # type: ignore[arg-type]
            return _Answer(stored, summary, points)

        questions = [Question(read, self._show)]
        if self._effects_read is not None and KINDS[self._kind] == "by value":
            questions.append(Question(self._effects_read, self._show_effects))
        return questions

    def _show_effects(self, effects: EffectsKnown) -> None:
        self._effects = effects
        self._page.redraw()

    def _show(self, answer: _Answer | None) -> None:
        if answer is None:
            self._gone = True
            self._picture.redraw()
            return
        if self._answer is not None and answer == self._answer:
            return
        self._answer = answer
        if self._wish is None:
            self._wish = remembered(self.autotuner.settings.axes, answer.stored.task)
        self._redraw()

    def _redraw(self) -> None:
        answer, wish = self._answer, self._wish
        if answer is not None and wish is not None:
            best = answer.summary.best
            if KINDS[self._kind] == "course":
                metric = objective_of(answer.stored.task)
                self.chart = course(answer.points, metric, answer.slos, best)
            else:
                self.chart = chart(
                    answer.points, fitting(wish, answer.points), answer.slos, best=best
                )
            known = {(point.experiment, point.level) for point in self.chart.points}
            if self._at not in known:
                wanted = self.autotuner.subject.experiment
                self._point_at(wanted if wanted is not None else best)
        self._picture.forget()
        self._picture.redraw()
        self._page.redraw()
        self.retitle()

    def _point_at(self, number: int | None) -> None:
        points = self.chart.points if self.chart is not None else ()
        found = [p for p in points if p.experiment == number] or list(points[-1:])
        self._at = (found[0].experiment, found[0].level) if found else None

    @property
    def point(self) -> Point | None:
        """The point under the cursor."""
        points = self.chart.points if self.chart is not None else ()
        return next((p for p in points if (p.experiment, p.level) == self._at), None)

    # Drawing

    def draw_picture(self, width: int, height: int) -> Drawn | list[Line]:
        """Return the chart without its cursor, or what is to be said instead of one."""
        answer, wish = self._answer, self._wish
        if self._task_id is None or self._gone:
            return list(_NO_TASK)
        if answer is None or wish is None or self.chart is None:
            return []
        if not answer.points:
            return list(_NOTHING_YET)
        if KINDS[self._kind] == "parallel":
            return parallel(
                answer.points,
                varied(answer.stored.task),
                quantity(objective_of(answer.stored.task)),
                best=answer.summary.best,
                chosen=self._at[0] if self._at is not None else None,
                width=width,
                height=height,
                marks=self._marks,
            )
        if not self.chart.points:
            return empty_lines(
                "No experiment has both of these figures.",
                f"x and y choose others; now: {self.chart.x.title}, {self.chart.y.title}",
            )
        return draw(self.chart, width, height, marks=self._marks)

    @property
    def _marks(self) -> Literal["braille", "dots"]:
        return "dots" if self.autotuner.ascii else "braille"

    def caption(self, width: int) -> list[Line]:
        """Return what is under the cursor, in two lines."""
        point, answer = self.point, self._answer
        if answer is None:
            return []
        if point is None:
            return [EMPTY, EMPTY]
        found = next((e for e in answer.points if e.number == point.experiment), None)
        what = point.text.partition("  (")[0] or self._in_words(found)
        head = line(Span(f" {point.glyph} ", f"{point.style} current"), Span(f" {what}", "title"))
        configuration = one_line(str(found.configuration)) if found is not None else ""
        return [
            crop(head, width),
            *wrap(configuration, width, "muted", most=1, indent=4),
        ]

    def _in_words(self, experiment: ExperimentPoint | None) -> str:
        if experiment is None or self._answer is None:
            return ""
        of = quantity(objective_of(self._answer.stored.task))
        value = experiment.figure(of.name)
        return f"experiment {experiment.number}{'' if value is None else f': {told(of, value)}'}"

    def _list(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002
        answer = self._answer
        if answer is None:
            return []
        return by_value(
            answer.points,
            varied(answer.stored.task),
            quantity(objective_of(answer.stored.task)),
            answer.summary.best,
            self._effects.effects,
            self._effects.lacking,
            width,
        )

    def _lay_out(self) -> None:
        listing = KINDS[self._kind] == "by value"
        self._picture.display = not listing
        self._page.display = listing
        (self._page if listing else self._picture).focus()

    # Keys

    def action_walk(self, way: Literal["left", "right", "up", "down"]) -> None:
        """Go to the next point that way."""
        if self.chart is None or not self.chart.points:
            return
        across = way in {"left", "right"} or KINDS[self._kind] == "parallel"
        order = sorted(
            self.chart.points,
            key=lambda p: (p.x, p.y, p.experiment) if across else (p.y, p.x, p.experiment),
        )
        places = [(p.experiment, p.level) for p in order]
        at = places.index(self._at) if self._at in places else 0
        step = 1 if way in {"right", "up"} else -1
        self._at = places[max(0, min(at + step, len(places) - 1))]
        if self._task_id is not None:
            self.autotuner.subject = self.autotuner.subject.at(self._task_id, self._at[0])
        if KINDS[self._kind] == "parallel":
            self._picture.forget()
        self._picture.redraw()

    def action_open(self) -> None:
        """Show the experiment of the point."""
        if self._at is not None and self._task_id is not None:
            self.autotuner.subject = self.autotuner.subject.at(self._task_id, self._at[0])
            self.autotuner.go("experiment")

    def action_part(self, title: str) -> None:
        """Show a part of the experiment of the point: its course, its server, its GPUs."""
        if self._at is not None and self._task_id is not None:
            level = self._at[1] or 0
            self.autotuner.subject = self.autotuner.subject.at(self._task_id, self._at[0])
            self.autotuner.open_part(title, level)

    def action_axis(self, axis: Literal["x", "y"]) -> None:
        """Ask what an axis shall show."""
        answer, wish = self._answer, self._wish
        if answer is None or wish is None:
            return
        slos = answer.slos
        choices = [
            Choice(name, quantity(name).title, "SLO" if name in slos else _better(name))
            for name in axes_of(answer.points)
        ]
        ways = {"x": "from left to right", "y": "from bottom to top"}
        picker = Picker[str](f"What runs {ways[axis]}", choices, current=getattr(wish, axis))
        self.app.push_screen(picker, lambda name: self._choose(**{axis: name}) if name else None)

    def action_colour(self) -> None:
        """Ask what colours the points."""
        answer, wish = self._answer, self._wish
        if answer is None or wish is None:
            return
        choices = [Choice("verdict", "verdict", "what became of each")]
        choices += [Choice(f"{PARAMETER}{f}", f, "parameter") for f in varied(answer.stored.task)]
        picker = Picker[str]("Colour and shape by", choices, current=wish.colour)
        self.app.push_screen(picker, lambda name: self._choose(colour=name) if name else None)

    def action_preset(self, step: int) -> None:
        """Take the next pair of axes."""
        if self._answer is None or self._wish is None:
            return
        pairs = presets(self._answer.stored.task)
        now = [(pair.x, pair.y) for pair in pairs]
        here = (self._wish.x, self._wish.y)
        at = now.index(here) + step if here in now else 0
        pair = pairs[at % len(pairs)]
        self._choose(x=pair.x, y=pair.y, of=pair.of)

    def action_unit(self) -> None:
        """Show load levels, or whole experiments."""
        if self._wish is not None:
            self._choose(of="experiments" if self._wish.of == "levels" else "levels")

    def action_pareto(self) -> None:
        """Draw the Pareto front, or not."""
        if self._wish is not None:
            self._choose(pareto=not self._wish.pareto)

    def action_log_scale(self) -> None:
        """Use logarithmic axes, or not."""
        if self._wish is not None:
            self._choose(log=not self._wish.log)

    def _choose(self, **changes: object) -> None:
        if self._wish is None:
            return
        self._kind = 0
        self._lay_out()
        self._wish = replace(self._wish, **changes)  # type: ignore[arg-type]
        self.autotuner.set(axes=to_remember(self._wish))
        self._redraw()

    def action_kind(self) -> None:
        """Show the next kind of chart."""
        self._kind = (self._kind + 1) % len(KINDS)
        self._lay_out()
        self._redraw()
        self.ask()  # the effects are asked for only where they are shown

    def action_save(self) -> None:
        """Ask for a form and a file, and write the chart."""
        if self.chart is None or self._answer is None or not self.chart.points:
            self.autotuner.say("there is nothing to save yet", "warn")
            return
        ref = self._answer.stored.ref.replace("#", "-")
        drawn, slos = self.chart, self._answer.summary.simulated
        picture = Picture(drawn, f"{self._answer.stored.ref}, {time.strftime('%Y-%m-%d')}", slos)

        def with_form(form: Form | None) -> None:
            if form is None:
                return
            name = f"{ref}-{drawn.y.quantity.name}.{form}".replace(":", "-").replace("/", "-")
            self.app.push_screen(
                Ask("Write it to", name, check=check_new_file),
                lambda path: self.autotuner.do(save(picture, form, path)) if path else None,
            )

        self.app.push_screen(Picker[Form]("Save the chart as", FORMS), with_form)


class _Picture(Canvas, can_focus=True):
    """The chart, its cursor, and what is under it."""

    def __init__(self, view: ChartView, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._view = view
        self._drawn: Drawn | list[Line] | None = None
        self._drawn_for = (0, 0)

    def forget(self) -> None:
        """Draw the chart anew, not only its cursor."""
        self._drawn = None

    def draw(self, width: int, height: int) -> Sequence[Line]:
        caption = self._view.caption(width)
        if self._drawn is None or self._drawn_for != (width, height):
            self._drawn_for = (width, height)
            self._drawn = self._view.draw_picture(width - 1, height - len(caption))
        if isinstance(self._drawn, list):
            return [*self._drawn[: height - len(caption)], *caption]
        chart, point = self._view.chart, self._view.point
        rows = self._drawn.lines if chart is None or point is None else (
            self._drawn.with_cursor(chart, point)
        )  # fmt: skip
        return [*rows, *caption]


def _better(name: str) -> str:
    better = quantity(name).better
    return f"{better} is better" if better else ""


_NO_TASK = empty_lines("No task chosen.", "1 shows all tasks, Enter opens one, then 4 draws it.")
_NOTHING_YET = empty_lines(
    "Nothing is measured yet.", "Points come as experiments end; 2 shows what goes on."
)
