"""How latencies are spread in each experiment: a row each, from the median to the tail."""

from core.events import Distribution, Experiment
from core.report import figures
from core.report.conclusion import Conclusion
from core.report.quantities import quantity
from core.report.scale import slo_label, ticks
from core.report.svg.canvas import SIZE, Canvas, width_of
from core.report.svg.marks import BASELINE, BEST, BROKEN, comparable, mark_of
from core.report.svg.plot import Axis
from core.verdict import rank_key

MOST_ROWS = 30

_FAMILIES = {"ttft": "TTFT", "tpot": "TPOT", "itl": "ITL", "e2e_latency": "E2E latency"}


def spread(conclusion: Conclusion, family: str, *, width: float) -> Canvas | None:
    """Return the chart of one kind of latency, at the level where each experiment was worst.

    A row has a thin line from the least to P99, a bar from P50 to P90 and a tick at the median;
    the lines of SLOs on any of its statistics cross all rows. Of more experiments than fit, the
    best.
    """
    rows = [
        (experiment, worst)
        for experiment in _shown(conclusion)
        if (worst := _worst(experiment, family)) is not None
    ]
    if not rows:
        return None
    targets = {
        metric: target.threshold
        for metric, target in conclusion.task.task.slo.targets().items()
        if metric.rpartition("_")[0] == family
    }
    metric = f"{family}_p90"
    pitch, top = 22, 32.0 + 15 * len(targets)
    height = top + pitch * len(rows) + 40
    canvas = Canvas(width, height, f"{_FAMILIES[family]} in every experiment")
    reach = [d.percentiles["p99"] for _, d in rows]
    axis = Axis.of(quantity(metric), [*reach, *(d.min for _, d in rows)], list(targets.values()))
    left, right, bottom = 58.0, width - 16.0, height - 36.0

    def at(value: float) -> float:
        return left + min(1.0, max(0.0, axis.scale.fraction(value))) * (right - left)

    unit = f", {axis.unit.name}" if axis.unit.name else ""
    key = "" if width < 500 else ": line from min to P99, bar from P50 to P90"
    canvas.text((4, SIZE + 2), f"{_FAMILIES[family]}{unit}{key}", "title")
    for tick in ticks(axis.scale, max(3, int((right - left) / 80))):
        canvas.line((at(tick), top), (at(tick), bottom), "grid")
        canvas.text((at(tick), bottom + 16), axis.unit.write(tick), anchor="middle")
    for number, (name, threshold) in enumerate(targets.items()):
        _limit(canvas, at(threshold), 28.0 + 15 * number, bottom, name, threshold, right)
    for number, (experiment, shown) in enumerate(rows):
        row = top + pitch * number + pitch / 2
        mark = mark_of(experiment, conclusion)
        told = _told(experiment, shown, family)
        kind = {BEST: "box-best", BROKEN: "box-bad"}.get(mark, "box")
        canvas.text(
            (left - 26, row + 4),
            str(experiment.number),
            "strong" if mark in {BEST, BASELINE} else "",
            anchor="end",
        )
        canvas.mark((left - 14, row), mark.shape, 4.0, mark.kind, mark.words)
        canvas.line((at(shown.min), row), (at(shown.percentiles["p99"]), row), "whisker", told)
        start, end = at(shown.percentiles["p50"]), at(shown.percentiles["p90"])
        canvas.rectangle((start, row - 7), end - start, 14, kind, told, round_=2)
        canvas.line((start, row - 7), (start, row + 7), "median", told)
    return canvas


def _shown(conclusion: Conclusion) -> list[Experiment]:
    ranked = sorted(comparable(conclusion), key=lambda e: (rank_key(e.verdict), e.number))
    measured = [experiment for experiment in ranked if experiment.sub_rounds][:MOST_ROWS]
    baseline = conclusion.baseline
    if baseline is not None and baseline.sub_rounds and baseline not in measured:
        measured.append(baseline)
    return measured


def _worst(experiment: Experiment, family: str) -> Distribution | None:
    known: list[Distribution] = [
        d for s in experiment.sub_rounds if (d := getattr(s, family)) is not None
    ]
    return max(known, key=lambda d: d.percentiles["p90"], default=None)


def _limit(
    canvas: Canvas,
    column: float,
    row: float,
    bottom: float,
    metric: str,
    threshold: float,
    right: float,
) -> None:
    label = f"{slo_label(threshold)} on {figures.metric_title(metric)}"
    canvas.line((column, row), (column, bottom), "slo", label)
    if column + 6 + width_of(label) * 1.08 < right + 12:
        canvas.text((column + 6, row + 4), label, "slo-label")
    else:
        canvas.text((column - 6, row + 4), label, "slo-label", anchor="end")


def _told(experiment: Experiment, shown: Distribution, family: str) -> str:
    facts = ", ".join(
        f"{name.upper()} {figures.latency(shown.percentiles[name])}"
        for name in ("p50", "p90", "p99")
    )
    return f"experiment {experiment.number}, {_FAMILIES[family]}: {facts}"
