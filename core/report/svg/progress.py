"""The objective experiment by experiment, and the best so far as a line of steps."""

from core.report import figures
from core.report.conclusion import Conclusion
from core.report.quantities import quantity
from core.report.svg.canvas import Canvas, Place
from core.report.svg.marks import comparable, legend_of, mark_of, tip
from core.report.svg.plot import Axis, Plot, legend
from core.verdict import maximised, objective_metric


def best_so_far(conclusion: Conclusion, *, width: float) -> Canvas | None:
    """Return the chart; None before the second experiment with a figure."""
    objective = conclusion.task.task.optimization.objective
    metric = objective_metric(objective)
    known = [
        (e, e.verdict.value)
        for e in comparable(conclusion)
        if e.verdict is not None and e.verdict.value is not None
    ]
    if len(known) < 2:
        return None
    targets = conclusion.task.task.slo.targets()
    limits = [targets[metric].threshold] if metric in targets else []
    canvas = Canvas(width, max(240.0, width * 0.38), "Objective by experiment, best so far")
    last = max(e.number for e in comparable(conclusion))
    plot = Plot(
        canvas,
        Axis.of(quantity("experiment"), [0.0, float(last)]),
        Axis.of(quantity(metric), [value for _, value in known], limits),
        top=44 if width < 500 else 26,
    )
    plot.frame()
    plot.slos()
    baseline = conclusion.baseline
    if baseline is not None and baseline.verdict is not None and baseline.verdict.value is not None:
        row = plot.at_y(baseline.verdict.value)
        words = f"engine defaults {figures.metric(metric, baseline.verdict.value)}"
        canvas.line((plot.left, row), (plot.right, row), "reference", words)
        below = row + 14 if row + 18 < plot.bottom else row - 7
        canvas.text((plot.right, below), "engine defaults", "reference-label", anchor="end")
    sign = 1.0 if maximised(objective) else -1.0
    steps: list[Place] = []
    best: float | None = None
    for experiment, value in known:
        if experiment.origin not in {"baseline", "search"}:
            continue  # measured anew: no step forward, and no step back
        better = best is None or sign * value > sign * best
        if experiment.verdict is not None and experiment.verdict.feasible and better:
            column = plot.at_x(experiment.number)
            if steps:
                steps.append((column, steps[-1][1]))
            steps.append((column, plot.at_y(value)))
            best = value
    if steps:
        canvas.path([*steps, (plot.at_x(last), steps[-1][1])], "line", "best so far")
    marks = set()
    for experiment, value in known:
        mark = mark_of(experiment, conclusion)
        marks.add(mark)
        place = plot.place(experiment.number, value)
        canvas.mark(place, mark.shape, 5.0, mark.kind, tip(experiment, (metric, value)))
    narrow = width < 700
    shown = legend_of(marks)[: 2 if narrow else 6]
    legend(canvas, shown, (plot.right, 32 if narrow else 14))
    return canvas
