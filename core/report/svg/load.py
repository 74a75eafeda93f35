"""Latency over load: the recommended configuration against the defaults, level by level."""

from core.events import Experiment
from core.report import figures
from core.report.conclusion import Conclusion
from core.report.quantities import quantity
from core.report.svg.canvas import Canvas
from core.report.svg.marks import BASELINE, BEST
from core.report.svg.plot import Axis, Plot, legend


def latency_over_load(conclusion: Conclusion, metric: str, *, width: float) -> Canvas | None:
    """Return the chart of one latency; None unless a scenario has two levels at the least."""
    chosen, baseline = conclusion.recommended, conclusion.baseline
    if chosen is None:
        return None
    curves = [(chosen, BEST, "line")]
    if baseline is not None and baseline is not chosen and baseline.measured:
        curves.insert(0, (baseline, BASELINE, "reference"))
    scenario = max(
        {str(s.level.scenario) for s in chosen.sub_rounds},
        key=lambda name: (len(_curve(chosen, metric, name)), name),
        default="",
    )
    drawn = [(e, mark, kind, _curve(e, metric, scenario)) for e, mark, kind in curves]
    if len(drawn[-1][3]) < 2:
        return None
    targets = conclusion.task.task.slo.targets()
    limits = [targets[metric].threshold] if metric in targets else []
    canvas = Canvas(width, max(260.0, width * 0.42), f"{figures.metric_title(metric)} over load")
    places = [place for *_, curve in drawn for place in curve]
    plot = Plot(
        canvas,
        Axis.of(quantity("output_throughput"), [x for x, _, _ in places]),
        Axis.of(quantity(metric), [y for _, y, _ in places], limits),
        top=44 if width < 500 else 26,
    )
    plot.frame()
    plot.slos()
    for experiment, mark, kind, curve in drawn:
        canvas.path([plot.place(x, y) for x, y, _ in curve], kind)
        for x, y, level in curve:
            told = (
                f"experiment {experiment.number}, {level}\n"
                f"{figures.metric_title(metric)} {figures.latency(y)}, "
                f"{figures.metric('output_throughput', x)}"
            )
            canvas.mark(plot.place(x, y), mark.shape, 5.0, mark.kind, told)
    entries = [(mark.shape, mark.kind, mark.words) for _, mark, _, _ in reversed(drawn)]
    legend(canvas, entries, (plot.right, 32 if width < 700 else 14))
    return canvas


def _curve(experiment: Experiment, metric: str, scenario: str) -> list[tuple[float, float, str]]:
    """Return output throughput, latency and name of every level of a scenario, by rising load."""
    levels = [s for s in experiment.sub_rounds if str(s.level.scenario) == scenario]
    levels.sort(key=lambda s: s.level.concurrency or s.level.request_rate or 0)
    return [
        (s.output_throughput, figure, str(s.level))
        for s in levels
        if (figure := s.metric(metric)) is not None
    ]
