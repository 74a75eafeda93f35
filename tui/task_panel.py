"""What stands beside the experiments of a task: best and defaults, course, what is next. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from core.events import Confirmation, Experiment, SearchAdvanced, reached
from core.report import figures
from core.report.characters import BEST, one_line
from core.report.conclusion import gain_over
from core.store import TaskState, TaskSummary
from core.task import Task, spell
from core.verdict import objective_metric
from tui.chart.drawing import draw
from tui.chart.run_points import ExperimentPoint
from tui.chart.spec import course
from tui.experiment_rows import slo_in_words
from tui.live import Live, news_lines
from tui.spans import EMPTY, Line, Span, crop, length, line, wrap

_CHART_FROM = 9
"""Lines that a chart needs."""
_NEWS = 8
"""Lines that are kept for what happened last, where a chart could take them."""


class Course:
    """The chart of how a run went, drawn anew only when there is something new on it.

    With ten thousand experiments on it that takes a tenth of a second.
    """

    def __init__(self) -> None:
        self._points: tuple[ExperimentPoint, ...] | None = None
        self._asked: tuple[object, ...] = ()
        self._lines: Sequence[Line] = ()

    def draw(
        self,
        points: tuple[ExperimentPoint, ...],
        task: Task,
        best: int | None,
        width: int,
        height: int,
        marks: Literal["braille", "dots"],
    ) -> Sequence[Line]:
        """Return the chart; no lines if there are not two points on it.

        Args:
            points: every experiment of the task, as far as they are read.
            best: number of the best experiment.
            marks: what the curve is made of.
        """
        asked = (task.slo, task.optimization.objective, best, width, height, marks)
        waits = not points and asked == self._asked  # they are being read again
        if (points is not self._points and not waits) or asked != self._asked:
            slos = {metric: target.threshold for metric, target in task.slo.targets().items()}
            chart = course(points, objective_metric(task.optimization.objective), slos, best)
            drawn = len(chart.points) > 1
            self._lines = draw(chart, width, height, marks=marks).lines if drawn else ()
            self._points, self._asked = points, asked
        return self._lines

    def let_go(self) -> None:
        """Keep the drawing alone: all that was on it is large."""
        self._points = None


def panel(
    run: Live,
    summary: TaskSummary,
    task: Task,
    points: tuple[ExperimentPoint, ...],
    drawn: Course,
    width: int,
    height: int,
    marks: Literal["braille", "dots"],
) -> list[Line]:
    """Return the panel.

    Args:
        points: every experiment of the task, as far as they are read.
        drawn: what draws them.
        marks: what the chart's curve is made of.
    """
    baseline = next((e for e in run.known if e.origin == "baseline" and e.verdict), None)
    best = next((e for e in run.known if e.number == summary.best), None)
    rows = [
        *_best(
            best,
            baseline,
            run.state.confirmation,
            width,
            running=summary.state is TaskState.RUNNING,
        ),
        EMPTY,
        *_next(run.state.search, summary, width),
    ]
    room = height - len(rows)
    if room >= _CHART_FROM:
        tall = min(room - _NEWS, width // 2)  # cells are twice as high as wide
        tall = max(_CHART_FROM, tall)
        lines = drawn.draw(points, task, summary.best, width, tall, marks)
        rows += lines
        room -= len(lines)
    if room > 2:
        rows += [EMPTY, *news_lines(run, width, room - 1, each=2)]
    return rows


def _best(
    best: Experiment | None,
    baseline: Experiment | None,
    confirmation: Confirmation | None,
    width: int,
    *,
    running: bool,
) -> Iterator[Line]:
    if best is None or best.verdict is None:
        yet = " yet" if running else ""
        yield line(Span(f"no feasible configuration{yet}", "muted"))
    else:
        value = reached(confirmation, best.number, best.verdict.value)
        head = line(
            Span(f"{BEST} experiment {best.number}", "best"),
            Span(f"  {figures.objective(best.verdict.objective, value)}", "bold"),
        )
        gain = line(*_gain(best, baseline, confirmation))
        if length(head) + length(gain) <= width:
            yield line(head, gain)
        else:
            yield from (crop(head, width), crop(gain, width))
        yield from _differences(best.configuration, width)
        yield from _slos(best, width)
    if baseline is not None and baseline.verdict is not None and baseline is not best:
        value = reached(confirmation, baseline.number, baseline.verdict.value)
        told = figures.objective(baseline.verdict.objective, value)
        yield crop(line(Span("◆ the defaults", "baseline"), f"  {told}"), width)
        yield from _slos(baseline, width)
    if confirmation is not None:
        style = "ok" if confirmation.status == "better" else "warn"
        told = f"{confirmation.status}: {figures.with_titles(one_line(confirmation.reason))}"
        yield from wrap(told, width, style, most=3)


def _gain(
    best: Experiment, baseline: Experiment | None, confirmation: Confirmation | None
) -> list[Span]:
    chosen = confirmation.chosen if confirmation is not None else None
    if chosen is not None and chosen.gain is not None and chosen.experiment == best.number:
        return [
            Span(f"  {figures.gain_in_words(chosen.gain)}", "ok" if chosen.gain.low > 0 else "warn")
        ]
    share = gain_over(best, baseline)
    if share is None or best is baseline:
        return []
    return [
        Span(f"  {figures.percentage(share, signed=True)}", "ok" if share > 0 else ""),
        Span("  not confirmed yet", "muted"),
    ]


def _differences(configuration: Mapping[str, object], width: int) -> Iterator[Line]:
    if not configuration:
        yield line(Span("  the engine's own defaults", "muted"))
    for flag, value in configuration.items():
        text = one_line(spell(value))  # type: ignore[arg-type]  # flags have values of flags
        yield crop(line("  ", Span(f"{flag} ", "muted"), text), width)


def _slos(of: Experiment, width: int) -> Iterator[Line]:
    for slo in of.verdict.slos if of.verdict is not None else ():
        yield crop(line("  ", slo_in_words(slo)), width)


def _next(search: SearchAdvanced | None, summary: TaskSummary, width: int) -> Iterator[Line]:
    if summary.state is not TaskState.RUNNING or search is None:
        return
    yield line(Span("What the search does next", "heading"))
    time = "" if search.eta is None else f", about {figures.duration(search.eta)}"
    yield from wrap(f"at most {search.remaining} more{time}", width, indent=2, most=2)
    if search.eta_basis:
        yield from wrap(one_line(search.eta_basis), width, "muted", indent=2, most=2)
    if search.next:
        yield from wrap(one_line(search.next), width, indent=2, most=3)
    if search.noise is not None:
        noise = f"one measurement varies by {figures.percentage(search.noise)}"
        yield from wrap(noise, width, "muted", indent=2, most=1)
