"""Experiments side by side: what differs, and which differences are beyond noise. Pure.

The first column is what the others are held against. A difference counts as beyond noise if the
95 % intervals of both figures, where they are known, do not overlap, and if it is larger than what
launching the same configuration twice makes: intervals see only the noise within one launch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.events import Distribution, Experiment, Interval, SubRound
from core.report import figures
from core.report.characters import BEST, NOTHING, one_line, outcome_symbol
from core.report.conclusion import INDISTINCT, outcome_in_words
from core.report.quantities import LATENCIES, Quantity, quantity
from core.report.scale import written
from core.task import Level, Task, spell
from tui.chart.run_points import point
from tui.experiment_rows import figure_against
from tui.spans import Line, Span, fit, joined, length, line

_STYLES = {"✓": "ok", "✗": "bad", "!": "warn"}
_NAME, _LONGEST_NAME = 19, 28
_CHANGE = 8
"""Cells for what a figure is against the first column's."""
_WITH_INTERVALS = 26
"""Cells a column needs to show intervals as well."""

OVERALL = (
    "ttft_mean", "ttft_p90", "ttft_p99", "tpot_mean", "tpot_p99", "e2e_latency_mean",
    "e2e_latency_p90", "e2e_latency_p99", "total_throughput_per_gpu", "output_throughput",
    "request_throughput", "goodput", "attainment", "error_rate", "energy_per_token",
    "cost_per_million_tokens",
)  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """One column."""

    task_id: int
    ref: str
    """Of its task."""
    task: Task
    experiment: Experiment
    best: bool


@dataclass(frozen=True)
class _Figure:
    value: float | None
    interval: Interval | None = None


@dataclass(frozen=True)
class _Row:
    name: str
    cells: tuple[Line, ...]
    heading: bool = False
    changes: tuple[Line, ...] = ()
    """Each figure against the first column's."""


def common_levels(columns: Sequence[Compared]) -> tuple[Level, ...]:
    """Return the load levels that every experiment was measured at, in the first one's order."""
    if not columns:
        return ()
    others = [{s.level for s in c.experiment.sub_rounds} for c in columns[1:]]
    return tuple(
        s.level for s in columns[0].experiment.sub_rounds if all(s.level in o for o in others)
    )


def comparison(
    columns: Sequence[Compared], level: Level | None, chosen: int, width: int
) -> list[Line]:
    """Return the table.

    Args:
        level: the load level whose figures are compared; None compares whole experiments.
        chosen: the column under the cursor.
    """
    wide = (width - _NAME) // len(columns) - _CHANGE >= _WITH_INTERVALS
    rows = [
        *_heads(columns, chosen),
        _Row("parameters that differ", (), heading=True),
        *_parameters(columns),
        _Row(_heading(level), (), heading=True),
        *_metrics(columns, level, intervals=wide),
    ]
    widths = [
        max((length(row.cells[at]) for row in rows if row.cells), default=8)
        for at in range(len(columns))
    ]
    names = min(max(length(line(r.name)) for r in rows if not r.heading) + 2, _LONGEST_NAME)
    names = names if width >= 100 else _NAME
    beside = [_CHANGE * (at > 0) for at in range(len(columns))]
    whole = [own + more for own, more in zip(widths, beside, strict=True)]
    shown = _visible(whole, chosen, width - names - 1)
    lines: list[Line] = []
    for row in rows:
        if row.heading:
            lines += [(), line(Span(f" {row.name}", "heading"))]
            continue
        cells = [
            _column(
                line(
                    fit(row.cells[at], widths[at], "right"),
                    fit(row.changes[at] if row.changes else (), beside[at], "right"),
                ),
                here=at == chosen,
            )
            for at in shown
        ]
        lines.append(line(fit(line(Span(f" {row.name}", "muted")), names), joined(cells, "  ")))
    hidden = len(columns) - len(shown)
    if hidden:
        lines.insert(0, line(Span(f" {hidden} more columns: ← → go to them", "accent")))
    return [*lines, (), *_legend()]


def _visible(widths: Sequence[int], chosen: int, room: int) -> list[int]:
    """Return the columns that fit: the first, the chosen one, and as many others as can be."""
    order = dict.fromkeys([0, chosen, *range(len(widths))])
    shown: list[int] = []
    used = 0
    for at in order:
        if used + widths[at] <= room or len(shown) < 1:
            shown.append(at)
            used += widths[at] + 2
    return sorted(shown)


def _column(cell: Line, *, here: bool) -> Line:
    return tuple(Span(s.text, f"{s.style} raised".strip()) for s in cell) if here else cell


def _heading(level: Level | None) -> str:
    if level is None:
        return "whole experiments: the worst load level of latencies, the mean of rates"
    return f"at {level}"


def _heads(columns: Sequence[Compared], chosen: int) -> Iterator[_Row]:
    if len({c.task_id for c in columns}) > 1:
        yield _Row("task", tuple(line(one_line(c.ref)) for c in columns))
    names = (_name(column, here=at == chosen) for at, column in enumerate(columns))
    yield _Row("experiment", tuple(names))
    yield _Row("outcome", tuple(_outcome(c.experiment) for c in columns))


def _name(of: Compared, *, here: bool) -> Line:
    cursor = Span("▸ " if here else "", "key")  # for those who do not see its background
    star = f"{BEST} " if of.best else "◆ " if of.experiment.origin == "baseline" else ""
    return line(cursor, Span(f"{star}{of.experiment.number}", "best" if of.best else "title"))


def _outcome(of: Experiment) -> Line:
    symbol = outcome_symbol(of)
    return line(Span(f"{symbol} {outcome_in_words(of)}".strip(), _STYLES.get(symbol, "run")))


def _parameters(columns: Sequence[Compared]) -> Iterator[_Row]:
    facts: dict[str, list[str]] = {
        "engine": [c.task.base_runtime for c in columns],
        "model": [one_line(c.task.model.id_or_path) for c in columns],
    }
    for flag in dict.fromkeys(f for c in columns for f in c.experiment.configuration):
        facts[flag] = [
            spell(c.experiment.configuration[flag])
            if flag in c.experiment.configuration
            else "default"
            for c in columns
        ]
    differing = {name: values for name, values in facts.items() if len(set(values)) > 1}
    if not differing:
        yield _Row("none", tuple(line() for _ in columns))
    for name, values in differing.items():
        first = values[0]
        yield _Row(
            name,
            tuple(
                line(Span(_short(v), "bold" if v != first else "muted" if v == "default" else ""))
                for v in values
            ),
        )


def _short(text: str) -> str:
    return text if len(text) <= 24 else f"…{text[-23:]}"


def _metrics(
    columns: Sequence[Compared], level: Level | None, *, intervals: bool
) -> Iterator[_Row]:
    bounded = [name for c in columns for name in c.task.slo.targets()]
    names = sorted({*OVERALL, *bounded}, key=_place)
    for name in names:
        found = [_figure(c.experiment, name, level) for c in columns]
        if all(f.value is None for f in found):
            continue
        of = quantity(name)
        cells = tuple(
            _cell(of, f, c.task, intervals=intervals) for f, c in zip(found, columns, strict=True)
        )
        changes = tuple(_difference(of, f, found[0]) if at else () for at, f in enumerate(found))
        yield _Row(_title(of), cells, changes=changes)
    if level is None:
        yield from _scores(columns)


def _title(of: Quantity) -> str:
    return "within the SLOs" if of.name == "attainment" else of.title


def _place(name: str) -> tuple[int, str]:
    if name in LATENCIES:
        return LATENCIES.index(name), name
    return 100 + (OVERALL.index(name) if name in OVERALL else 0), name


def _scores(columns: Sequence[Compared]) -> Iterator[_Row]:
    verdicts = [c.experiment.verdict for c in columns]
    yield _Row("score", tuple(line(figures.score(v.score if v else None)) for v in verdicts))


def _figure(of: Experiment, name: str, level: Level | None) -> _Figure:
    if level is None:
        return _Figure(point(of).figure(name))
    found = next((s for s in of.sub_rounds if s.level == level), None)
    return _Figure(None) if found is None else _Figure(found.metric(name), _interval(found, name))


def _interval(of: SubRound, name: str) -> Interval | None:
    family, _, statistic = name.rpartition("_")
    match name:
        case "output_throughput":
            return of.output_throughput_interval
        case "attainment":
            return of.attainment_interval
    distribution = getattr(of, family, None)
    if not isinstance(distribution, Distribution):
        return None
    return next((i for name, i in distribution.intervals.items() if name == statistic), None)


def _cell(of: Quantity, figure: _Figure, task: Task, *, intervals: bool) -> Line:
    if figure.value is None:
        return line(Span(NOTHING, "muted"))
    target = task.slo.targets().get(of.name)
    parts = [figure_against(target, figure.value, _written(of, figure.value))]
    if intervals and figure.interval is not None:
        parts.insert(0, line(Span(f"[{_both(of, figure.interval)}]", "muted")))
    return joined(parts, " ")


def _written(of: Quantity, value: float) -> str:
    """Write a figure, without its unit where the row's title has it."""
    if not value:
        return "0"
    return figures.number(value) if "/s" in of.title else written(of, value)


def _both(of: Quantity, interval: Interval) -> str:
    return "–".join(written(of, end).rpartition(" ")[0] or written(of, end) for end in interval)


def _difference(of: Quantity, figure: _Figure, against: _Figure) -> Line:
    if figure.value is None or against.value is None or not against.value:
        return line()
    share = figure.value / against.value - 1
    if not beyond_noise(figure.value, against.value, figure.interval, against.interval):
        return line(Span("≈", "muted"))
    good = (share > 0) == (of.better == "higher")
    sign, style = ("", "") if of.better is None else ("▲", "ok") if good else ("▼", "bad")
    percent = f"{share:+.0%}" if abs(share) < 9.995 else f"×{figure.value / against.value:.0f}"
    return line(Span(f"{sign}{percent}", style))


def beyond_noise(
    one: float, other: float, interval: Interval | None, others: Interval | None
) -> bool:
    """Return whether two figures differ by more than noise makes them differ."""
    if abs(one / other - 1) <= INDISTINCT:
        return False
    if interval is None or others is None:
        return True
    return interval[0] > others[1] or interval[1] < others[0]


def _legend() -> Iterator[Line]:
    yield line(
        Span(" ▲ better ▼ worse than the first column, beyond noise   ", "muted"),
        Span(f"≈ within noise: intervals overlap, or less than {INDISTINCT:.0%} apart", "muted"),
    )
