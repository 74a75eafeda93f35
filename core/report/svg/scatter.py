"""Every experiment as a point between two metrics, with the lines of the SLOs and the front."""

from collections.abc import Sequence
from statistics import fmean

from core.events import Experiment
from core.report.conclusion import Conclusion
from core.report.quantities import LATENCIES, quantity
from core.report.svg.canvas import SIZE, Canvas, Place, width_of
from core.report.svg.marks import BASELINE, BEST, comparable, legend_of, mark_of, tip
from core.report.svg.plot import Axis, Plot, legend
from core.verdict.front import pareto_front


def scatter(conclusion: Conclusion, x: str, y: str, *, width: float) -> Canvas | None:
    """Return the scatter of two metrics; None where no experiment has both.

    Latencies count at their worst level, as SLOs do; all else is the mean over levels.
    """
    points = [
        (experiment, a, b)
        for experiment in comparable(conclusion)
        if (a := figure(experiment, x)) is not None and (b := figure(experiment, y)) is not None
    ]
    if not points:
        return None
    targets = conclusion.task.task.slo.targets()

    def limits(metric: str) -> list[float]:
        return [targets[metric].threshold] if metric in targets else []

    canvas = Canvas(width, max(330.0, width * 0.52), f"{x} against {y}, one point an experiment")
    plot = Plot(
        canvas,
        Axis.of(quantity(x), [a for _, a, _ in points], limits(x)),
        Axis.of(quantity(y), [b for _, _, b in points], limits(y)),
        top=62 if width < 500 else 26,
    )
    plot.frame()
    _front(plot, x, y, points)
    plot.slos()
    marks = set()
    # What matters most is drawn last, so that nothing covers it.
    for experiment, a, b in sorted(points, key=lambda p: _weight(p[0], conclusion)):
        mark = mark_of(experiment, conclusion)
        marks.add(mark)
        looked_for = experiment in (conclusion.recommended, conclusion.baseline)
        radius = 7.0 if looked_for else 4.5
        canvas.mark(
            plot.place(a, b), mark.shape, radius, mark.kind, tip(experiment, (x, a), (y, b))
        )
    _names(plot, points, conclusion)
    _legend(canvas, legend_of(marks), plot.right)
    return canvas


def figure(experiment: Experiment, metric: str) -> float | None:
    """Return a metric of a whole experiment: the worst level's latency, else the mean."""
    known = [f for s in experiment.sub_rounds if (f := s.metric(metric)) is not None]
    if not known or len(known) < len(experiment.sub_rounds):
        return None
    return max(known) if metric in LATENCIES else fmean(known)


def _front(plot: Plot, x: str, y: str, points: Sequence[tuple[Experiment, float, float]]) -> None:
    signs = {"lower": 1.0, "higher": -1.0}
    over, up = (signs.get(quantity(metric).better or "") for metric in (x, y))
    if over is None or up is None:
        return
    feasible = [p for p in points if p[0].verdict is not None and p[0].verdict.feasible]
    places = {e.number: (a, b) for e, a, b in feasible}
    front = pareto_front([(e.number, (up * b, over * a)) for e, a, b in feasible])
    if len(front) < 2:
        return
    steps: list[Place] = []
    for number in front:  # the best by y first, so the worst by x: along the axis to its better end
        a, b = places[number]
        if steps:
            steps.append((steps[-1][0], plot.at_y(b)))
        steps.append(plot.place(a, b))
    plot.canvas.path(steps, "front", "Pareto front: none of these is beaten in both respects")


def _weight(experiment: Experiment, conclusion: Conclusion) -> int:
    mark = mark_of(experiment, conclusion)
    return 2 if mark is BEST else 1 if mark is BASELINE else 0


def _names(
    plot: Plot, points: Sequence[tuple[Experiment, float, float]], conclusion: Conclusion
) -> None:
    """Write the numbers of the two experiments that everybody looks for."""
    for experiment, a, b in points:
        chosen = (conclusion.recommended, conclusion.baseline)
        if not any(experiment is one for one in chosen):
            continue
        x, y = plot.place(a, b)
        words = f"#{experiment.number}"
        if x + 12 + width_of(words) > plot.right:
            plot.canvas.text((x - 12, y + 4), words, "strong", anchor="end")
        else:
            plot.canvas.text((x + 12, y + 4), words, "strong")


def _legend(canvas: Canvas, entries: list[tuple[str, str, str]], right: float) -> None:
    """Draw the legend in as many rows as it takes."""
    room = canvas.width - (width_of("x" * 34) if canvas.width >= 700 else 8)
    rows: list[list[tuple[str, str, str]]] = [[]]
    used = 0.0
    for entry in entries:
        needed = width_of(entry[2]) + 30
        if rows[-1] and used + needed > room:
            rows.append([])
            used = 0.0
        rows[-1].append(entry)
        used += needed
    first = SIZE + 2.0 if canvas.width >= 700 else SIZE + 20.0
    for number, row in enumerate(rows):
        legend(canvas, row, (right, first + number * 16))
