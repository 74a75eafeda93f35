"""Every chart of a report by its name, each with its heading and what to read from it."""

from collections.abc import Callable
from dataclasses import dataclass

from core.report import figures
from core.report.alternatives import latency_metric
from core.report.conclusion import Conclusion
from core.report.findings import Findings
from core.report.svg.canvas import Canvas
from core.report.svg.effects import effects
from core.report.svg.load import latency_over_load
from core.report.svg.progress import best_so_far
from core.report.svg.scatter import scatter
from core.report.svg.spread import spread
from core.report.svg.timeline import timeline
from core.verdict import maximised, objective_metric

WIDE, NARROW = 860.0, 340.0
"""Widths in pixels for a desk and for a pocket: letters keep their size in both."""


@dataclass(frozen=True)
class Chart:
    """One chart."""

    heading: str
    reading: str
    """How to read it, in a sentence or two."""
    drawn: Callable[[float], Canvas | None]
    """Returns it at a width; None where there is nothing to draw."""


def draw(conclusion: Conclusion, found: Findings) -> dict[str, Chart]:
    """Return every chart that has something to show, by its name."""
    task = conclusion.task.task
    latency = latency_metric(task)
    family = latency.rpartition("_")[0]
    objective = objective_metric(task.optimization.objective)
    limited = latency in task.slo.targets()
    title = figures.metric_title
    x, y, of = latency, "total_throughput_per_gpu", "throughput"
    if len(several := task.optimization.objectives) > 1:
        y, x = (objective_metric(one) for one in several[:2])
        of = title(y)
    known = {
        "scatter": Chart(
            f"{title(x)} against {of}",
            "Each point is an experiment at its worst load level; the dotted steps are the Pareto "
            f"front.{' Left of the red line the SLO holds.' if limited and x == latency else ''}",
            lambda width: scatter(conclusion, x, y, width=width),
        ),
        "load": Chart(
            f"{title(latency)} over load",
            "Each point is a load level."
            f"{' What lies below the red line can be served.' if limited else ''}",
            lambda width: latency_over_load(conclusion, latency, width=width),
        ),
        "best": Chart(
            "Best so far",
            "What each experiment reached, and the best feasible one until then.",
            lambda width: best_so_far(conclusion, width=width),
        ),
        "effects-objective": Chart(
            f"What each flag does to {title(objective)}",
            f"One flag set otherwise, all others as in experiment {found.looked_from}, with 95 % "
            "intervals. Hollow marks: no effect is proved. Diamonds: fresh launches; circles: from "
            "the model.",
            lambda width: effects(
                found.effects,
                objective,
                more_is_better=maximised(task.optimization.objective),
                width=width,
            ),
        ),
        "effects-latency": Chart(
            f"What each flag does to {title(latency)}",
            "The same for the latency that matters most.",
            lambda width: effects(found.effects, latency, more_is_better=False, width=width),
        ),
        "spread": Chart(
            "Latency distributions",
            "Each row is an experiment at its worst load level, the best on top.",
            lambda width: spread(conclusion, family, width=width),
        ),
        "timeline": Chart(
            "Time line",
            "Where the time went.",
            lambda width: timeline(conclusion, width=width),
        ),
    }
    if latency == objective:
        del known["effects-latency"]
    return {name: chart for name, chart in known.items() if chart.drawn(WIDE) is not None}


CHARTS = ("scatter", "load", "best", "effects-objective", "effects-latency", "spread", "timeline")
"""Every name that `draw` may return."""
