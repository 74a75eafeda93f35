"""A chart as values: points, curves, SLO lines, axes. Pure; knows no terminal and no widget.

The lines of SLOs keep three rules. There is one exactly where an axis shows a metric that an SLO is
on: vertical for X, horizontal for Y. It is never left out: one far outside the data, which would
crush them, stands as an arrow with its value at the edge it lies beyond. And it is labelled.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, TypeAlias

from core.events import Outcome
from core.report.characters import BEST
from core.report.quantities import PARAMETER, Better, Quantity, quantity
from core.report.scale import Scale, Unit, axis_title, scale, slo_label, told, unit
from core.task import spell
from tui.chart.run_points import ExperimentPoint, LevelPoint

Of: TypeAlias = Literal["experiments", "levels"]
"""What one point is."""


@dataclass(frozen=True)
class Axis:
    """One of the two axes."""

    quantity: Quantity
    scale: Scale
    unit: Unit

    @property
    def title(self) -> str:
        """What it shows, its unit, and which end is better."""
        return axis_title(self.quantity, self.unit)


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the scatter."""

    x: float
    y: float
    glyph: str
    style: str
    experiment: int
    level: int | None
    """Index of the load level; None for a whole experiment."""
    in_words: Callable[[], str] = field(default=str, compare=False)

    @property
    def text(self) -> str:
        """What it is, in words. Made when it is asked for: few of ten thousand ever are."""
        return self.in_words()


@dataclass(frozen=True)
class SloLine:
    """An SLO on one axis."""

    value: float
    label: str
    beyond: Literal["inside", "below", "above"]
    """Whether it lies within the range of the axis, or beyond which end."""


@dataclass(frozen=True)
class Curve:
    """A line through places, in their order."""

    places: tuple[tuple[float, float], ...]
    style: str


@dataclass(frozen=True)
class Bar:
    """A bar that stands on the X axis."""

    begin: float
    end: float
    height: float


@dataclass(frozen=True)
class Key:
    """One entry of the legend."""

    glyph: str
    style: str
    text: str


@dataclass(frozen=True)
class Chart:
    """Everything that is drawn."""

    x: Axis
    y: Axis
    points: tuple[Point, ...]
    curves: tuple[Curve, ...]
    vertical: tuple[SloLine, ...]
    """SLOs on X."""
    horizontal: tuple[SloLine, ...]
    """SLOs on Y."""
    legend: tuple[Key, ...]
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True)
class Wish:
    """What the user wants to see."""

    x: str
    y: str
    of: Of = "experiments"
    colour: str = "verdict"
    """`verdict`, or a flag with `parameter:` before it."""
    pareto: bool = False
    log: bool = False


VERDICTS: dict[str, Key] = {
    "best": Key(BEST, "best", "best"),
    "baseline": Key("◆", "baseline", "defaults"),
    "ok": Key("●", "ok", "feasible"),
    "infeasible": Key("×", "bad", "infeasible"),
    "under way": Key("○", "run", "under way"),
    "other": Key("·", "muted", "stopped"),
}
"""How a point looks, by what became of its experiment."""

_SERIES = ("ok", "bad", "run", "best", "warn", "accent", "muted")
"""Styles for the values of a parameter; each value has a glyph of its own as well."""

GLYPHS = ("●", "■", "▲", "◆", "○", "□", "△")


def chart(
    experiments: Sequence[ExperimentPoint],
    wish: Wish,
    slos: Mapping[str, float],
    *,
    best: int | None = None,
) -> Chart:
    """Return the chart of a run.

    Args:
        slos: the threshold of every metric that an SLO is on, in seconds.
        best: number of the best experiment.
    """
    looks, legend = _looks(experiments, wish.colour, best)
    points = [
        Point(x, y, *looks(experiment), experiment.number, _index(level), in_words)
        for experiment, level in _subjects(experiments, wish.of)
        for x, y in _place(experiment, level, wish)
        for in_words in [partial(_in_words, experiment, level, wish, x, y)]
    ]
    # The best is drawn last, and so on top.
    points.sort(key=lambda point: (point.experiment == best, point.experiment))
    x = _axis(wish.x, [point.x for point in points], slos, log=wish.log)
    y = _axis(wish.y, [point.y for point in points], slos, log=wish.log)
    best_of_both = front(points, x.quantity.better, y.quantity.better) if wish.pareto else []
    used = {(point.glyph, point.style) for point in points}
    return Chart(
        x=x,
        y=y,
        points=tuple(points),
        curves=(Curve(tuple(best_of_both), "accent"),) if wish.pareto else (),
        vertical=slo_lines(x, slos),
        horizontal=slo_lines(y, slos),
        legend=tuple(key for key in legend if (key.glyph, key.style) in used),
    )


def slo_lines(axis: Axis, slos: Mapping[str, float]) -> tuple[SloLine, ...]:
    """Return the SLO on what an axis shows, if there is one."""
    threshold = slos.get(axis.quantity.name)
    if threshold is None:
        return ()
    label = slo_label(threshold)
    if threshold > axis.scale.high:
        return (SloLine(threshold, label, "above"),)
    if threshold < axis.scale.low:
        return (SloLine(threshold, label, "below"),)
    return (SloLine(threshold, label, "inside"),)


def front(points: Sequence[Point], better_x: Better, better_y: Better) -> list[tuple[float, float]]:
    """Return the points that none other beats in both, ordered by x; none without directions."""
    if better_x is None or better_y is None:
        return []
    sign_x, sign_y = (1 if b == "lower" else -1 for b in (better_x, better_y))
    kept: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda p: (sign_x * p.x, sign_y * p.y)):
        if not kept or sign_y * point.y < sign_y * kept[-1][1]:
            kept.append((point.x, point.y))
    return sorted(kept)


def course(
    experiments: Sequence[ExperimentPoint],
    metric: str,
    slos: Mapping[str, float],
    best: int | None,
) -> Chart:
    """Return the objective by experiment, with the best so far as a line of steps.

    Args:
        metric: what the objective improves.
        best: number of the best experiment.
    """
    lower = quantity(metric).better == "lower"
    judged = [e for e in experiments if e.value is not None and math.isfinite(e.value)]
    points: list[Point] = []
    steps: list[tuple[float, float]] = []
    reached: float | None = None
    for experiment in judged:
        value = experiment.value or 0.0
        if experiment.feasible:
            better = reached is None or (value < reached if lower else value > reached)
            if better:
                if reached is not None:
                    steps.append((float(experiment.number), reached))
                steps.append((float(experiment.number), value))
                reached = value
        look = VERDICTS[verdict_name(experiment, best)]
        points.append(
            Point(experiment.number, value, look.glyph, look.style, experiment.number, None)
        )
    if reached is not None:
        steps.append((float(judged[-1].number), reached))
    x = _axis("experiment", [point.x for point in points], {}, log=False)
    y = _axis(metric, [point.y for point in points], slos, log=False)
    return Chart(x, y, tuple(points), (Curve(tuple(steps), "best"),), (), slo_lines(y, slos), ())


def _subjects(
    experiments: Sequence[ExperimentPoint], of: Of
) -> list[tuple[ExperimentPoint, LevelPoint | None]]:
    if of == "experiments":
        return [(experiment, None) for experiment in experiments]
    return [(experiment, level) for experiment in experiments for level in experiment.levels]


def _index(level: LevelPoint | None) -> int | None:
    return None if level is None else level.index


def _place(
    experiment: ExperimentPoint, level: LevelPoint | None, wish: Wish
) -> list[tuple[float, float]]:
    """Return where a point lies, or nothing if one of its figures is missing or has no place."""
    found = [_figure(experiment, level, name) for name in (wish.x, wish.y)]
    x, y = found
    if x is None or y is None or not (math.isfinite(x) and math.isfinite(y)):
        return []
    return [] if wish.log and min(x, y) <= 0 else [(x, y)]


def _figure(experiment: ExperimentPoint, level: LevelPoint | None, name: str) -> float | None:
    if level is None or name in {"experiment", "score", "duration"} or name.startswith(PARAMETER):
        return experiment.figure(name)
    return level.figure(name)


def _axis(name: str, values: Sequence[float], slos: Mapping[str, float], *, log: bool) -> Axis:
    of = quantity(name)
    limits = [slos[name]] if name in slos else []
    range_of = replace(scale(values, limits, log=log), whole=of.kind == "count")
    return Axis(of, range_of, unit(of, range_of))


def _in_words(
    experiment: ExperimentPoint, level: LevelPoint | None, wish: Wish, x: float, y: float
) -> str:
    qx, qy = quantity(wish.x), quantity(wish.y)
    where = f" {level.name}" if level is not None else ""
    figures = f"{told(qx, x)}, {told(qy, y)}"
    return f"experiment {experiment.number}{where}: {figures}  ({experiment.configuration})"


def _looks(
    experiments: Sequence[ExperimentPoint], colour: str, best: int | None
) -> tuple[Callable[[ExperimentPoint], tuple[str, str]], list[Key]]:
    """Return how each point looks, and the legend for all of them."""
    if colour == "verdict":

        def by_verdict(experiment: ExperimentPoint) -> tuple[str, str]:
            look = VERDICTS[verdict_name(experiment, best)]
            return look.glyph, look.style

        return by_verdict, list(VERDICTS.values())
    flag = colour.removeprefix(PARAMETER)
    values = sorted({value_text(experiment, flag) for experiment in experiments}, key=natural_order)
    keys = {
        value: Key(GLYPHS[at % len(GLYPHS)], _SERIES[at % len(_SERIES)], f"{flag} {value}")
        for at, value in enumerate(values)
    }

    def by_value(experiment: ExperimentPoint) -> tuple[str, str]:
        key = keys[value_text(experiment, flag)]
        return key.glyph, key.style

    return by_value, list(keys.values())


def verdict_name(experiment: ExperimentPoint, best: int | None) -> str:
    """Return the key of `VERDICTS` for an experiment."""
    if experiment.number == best:
        return "best"
    if experiment.baseline and experiment.feasible:
        return "baseline"
    match experiment.outcome:
        case None:
            return "under way"
        case Outcome.OK:
            return "ok"
        case Outcome.INFEASIBLE:
            return "infeasible"
    return "other"


def value_text(experiment: ExperimentPoint, flag: str) -> str:
    """Return the value of a flag, as it is written."""
    configuration = experiment.configuration
    return spell(configuration[flag]) if flag in configuration else "default"


def natural_order(text: str) -> tuple[int, float, str]:
    """Return a key that sorts numbers by their size and before all other values."""
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text
