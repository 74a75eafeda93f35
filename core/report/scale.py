"""From figures to places: the range of an axis, its round ticks, and how they are written. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.report import figures
from core.report.quantities import Quantity

_MARGIN = 0.05
"""Share of the range that is left free at both ends."""

_NEAR_ZERO = 0.35
"""A lowest figure below this share of the highest has the axis begin at 0."""

_LEAST_SHARE = 0.35
"""Share of an axis that the data keep when it is widened for a limit; one further stays out."""

_ALIKE = 0.05
"""Figures within this share of the highest count as one when a limit is held against them."""


@dataclass(frozen=True)
class Scale:
    """The range of an axis."""

    low: float
    high: float
    log: bool = False
    whole: bool = False
    """Whether there is nothing between whole numbers, as between two experiments."""

    def fraction(self, value: float) -> float:
        """Return where a figure lies: 0 at the low end, 1 at the high end, beyond them outside."""
        if self.log:
            if value <= 0:
                return -math.inf
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def scale(values: Iterable[float], limits: Sequence[float] = (), *, log: bool = False) -> Scale:
    """Return the range for figures, widened to such limits as do not crush them.

    Args:
        values: finite figures.
        limits: SLO thresholds.
        log: whether equal ratios are equally long; only if every figure is above 0.
    """
    known = list(values)
    if not known:
        return Scale(0.0, max(limits, default=1.0) * 1.2 or 1.0)
    log = log and min(known) > 0
    low, high = min(known), max(known)
    for limit in limits:
        if _is_near(limit, low, high):
            low, high = min(low, limit), max(high, limit)
    if log:
        margin = (high / low) ** _MARGIN if high > low else 1.1
        return Scale(low / margin, high * margin, log=True)
    if 0 < low < _NEAR_ZERO * high:
        low = 0.0
    margin = _MARGIN * (high - low) or abs(high) * 0.1 or 1.0
    return Scale(low - margin if low else 0.0, high + margin)


def _is_near(limit: float, low: float, high: float) -> bool:
    if high - low <= _ALIKE * abs(high):
        # One figure, or several that are as good as one, have no range of their own; their size
        # stands for it.
        return abs(limit - low) <= 2 * abs(low)
    return high - low >= _LEAST_SHARE * (max(high, limit) - min(low, limit))


def ticks(of: Scale, most: int) -> list[float]:
    """Return at most `most` round figures within the range: 1, 2 or 5 times a power of ten."""
    if most < 2:
        return []
    if of.log:
        found = _log_ticks(of)
        step = math.ceil(len(found) / most)
        if len(found) >= 2:
            return found[::step]
    rough = (of.high - of.low) / most
    magnitude = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step_size = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= rough * 0.999)
    step_size = max(step_size, 1.0) if of.whole else step_size
    first = math.ceil(of.low / step_size - 1e-9)
    last = math.floor(of.high / step_size + 1e-9)
    return [number * step_size for number in range(first, last + 1)][: most + 1]


def _log_ticks(of: Scale) -> list[float]:
    decades = range(math.floor(math.log10(of.low)), math.ceil(math.log10(of.high)) + 1)
    every = [m * 10.0**decade for decade in decades for m in (1, 2, 5)]
    return [tick for tick in every if of.low <= tick <= of.high]


@dataclass(frozen=True)
class Unit:
    """How the figures of an axis are written: times `factor`, with `name` in the title."""

    factor: float
    name: str

    def write(self, value: float) -> str:
        """Write a tick."""
        shown = value * self.factor
        if shown and abs(shown) >= 1e6:
            return f"{shown / 1e6:.3g}M"
        if abs(shown) >= 1e4:
            return f"{shown / 1e3:.4g}k"
        return f"{round(shown, 10):,.6g}"


def unit(of: Quantity, range_of: Scale) -> Unit:
    """Return the unit that suits the figures of a range."""
    largest = max(abs(range_of.low), abs(range_of.high))
    match of.kind:
        case "latency" if largest < 0.002:
            return Unit(1e6, "µs")
        case "latency" if largest < 2.0:
            return Unit(1e3, "ms")
        case "latency" | "seconds":
            return Unit(1.0, "s")
        case "share":
            return Unit(100.0, "%")
    return Unit(1.0, "")


def axis_title(of: Quantity, with_unit: Unit) -> str:
    """Return the title of an axis: what it shows, its unit, and which end is the better one."""
    title = f"{of.title}, {with_unit.name}" if with_unit.name else of.title
    return f"{title} ({of.better} is better)" if of.better else title


def slo_label(threshold: float) -> str:
    """Return the label of an SLO line: `SLO: 6.5 s`, `SLO: 500 ms`."""
    if threshold >= 1.0:
        return f"SLO: {threshold:.6g} s"
    if threshold >= 0.001:
        return f"SLO: {threshold * 1e3:.6g} ms"
    return f"SLO: {threshold * 1e6:.6g} µs"


def written(of: Quantity, value: float) -> str:
    """Write one figure of a quantity with its unit."""
    match of.kind:
        case "latency":
            return figures.latency(value)
        case "share":
            return figures.percentage(value)
        case "seconds":
            return figures.duration(value)
        case "rate":
            return figures.metric(of.name, value)
    return figures.number(value) if value else "0"


def told(of: Quantity, value: float) -> str:
    """Write a figure with what it is: `TTFT P90 43.9 ms`, `6,870 tok/s/GPU`."""
    text = written(of, value)
    return text if of.kind == "rate" else f"{of.title} {text}"
