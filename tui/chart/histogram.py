"""How one figure is spread over the requests of a level, with the SLOs on it. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.report import figures
from core.report.quantities import Quantity
from core.report.scale import scale, slo_label, unit
from tui.chart.spec import Axis, Bar, Chart, SloLine


def histogram(
    values: Sequence[float], family: str, slos: Mapping[str, float], *, most_bins: int
) -> Chart | None:
    """Return how the latencies of requests are spread; None where there are none.

    Args:
        values: seconds.
        family: `ttft`, `tpot`, `e2e_latency`.
        slos: the thresholds of a task's SLOs by metric, in seconds; those on other figures are
            passed over.
        most_bins: how many bars there is room for.
    """
    known = [value for value in values if math.isfinite(value) and value >= 0]
    if not known:
        return None
    limits = {name: v for name, v in slos.items() if name.rpartition("_")[0] == family}
    of = Quantity(family, figures.metric_title(f"{family}_mean").removesuffix(" mean"),
                  "latency", "lower")  # fmt: skip
    range_of = scale(known, list(limits.values()))
    low, high = min(known), max(known)
    bins = max(1, min(most_bins, math.ceil(2 * len(known) ** 0.5)))
    width = (high - low) / bins or range_of.high * 0.02
    counts = [0] * bins
    for value in known:
        counts[min(bins - 1, int((value - low) / width))] += 1
    bars = tuple(
        Bar(low + at * width, low + (at + 1) * width, float(count))
        for at, count in enumerate(counts)
        if count
    )
    x = Axis(of, range_of, unit(of, range_of))
    count = Quantity("requests", "requests", "count", None)
    y_range = replace(scale([0.0, float(max(counts))]), whole=True)
    return Chart(
        x=x,
        y=Axis(count, y_range, unit(count, y_range)),
        points=(),
        curves=(),
        vertical=tuple(_slo_line(name, v, x) for name, v in sorted(limits.items())),
        horizontal=(),
        legend=(),
        bars=bars,
    )


def _slo_line(metric: str, threshold: float, axis: Axis) -> SloLine:
    statistic = figures.metric_title(metric).rpartition(" ")[2]
    label = f"{slo_label(threshold)} ({statistic})"
    if threshold > axis.scale.high:
        return SloLine(threshold, label, "above")
    return SloLine(threshold, label, "below" if threshold < axis.scale.low else "inside")
