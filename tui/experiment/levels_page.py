"""The load levels of an experiment side by side: a row for each figure, a column for each level."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.events import Distribution, SubRound
from core.report import figures
from core.report.characters import HELD, NOTHING, one_line
from core.report.quantities import quantity
from core.report.scale import written
from core.task import SloTarget, Statistic
from tui.experiment.answer import ExperimentAnswer
from tui.experiment_rows import figure_against
from tui.spans import EMPTY, Line, Span, fit, joined, length, line, restyle, wrap

_STATISTICS: tuple[Statistic, ...] = ("mean", "p50", "p90", "p99")
_FAMILIES = ("ttft", "tpot", "itl", "e2e_latency")
_RATES = (
    "output_throughput",
    "total_throughput",
    "total_throughput_per_gpu",
    "request_throughput",
    "goodput",
    "attainment",
    "error_rate",
    "throughput_per_watt",
    "energy_per_token",
    "cost_per_million_tokens",
)
_NAME = 18


@dataclass(frozen=True)
class _Row:
    name: str
    cells: tuple[Line, ...]
    begins_group: bool = False


def levels_page(answer: ExperimentAnswer, width: int) -> list[Line]:
    """Return the page; the level that is looked at is marked."""
    sub_rounds = answer.experiment.sub_rounds
    if not sub_rounds:
        return [EMPTY, *no_levels(answer, width)]
    rows = [
        *_facts(sub_rounds),
        *_latencies(sub_rounds, answer.stored.task.slo.targets()),
        *_rates(sub_rounds),
    ]
    widths = [max(length(row.cells[at]) for row in rows) for at in range(len(sub_rounds))]
    shown = _visible(widths, answer.level, width - _NAME - 1)
    lines = []
    for row in rows:
        if row.begins_group:
            lines.append(EMPTY)
        cells = [fit(row.cells[at], widths[at], "right") for at in shown]
        name = fit(line(Span(f" {row.name}", "muted")), _NAME)
        lines.append(line(name, joined(cells, "   ")))
    lines[0] = _heading(sub_rounds, shown, widths, answer.level)
    hidden = len(sub_rounds) - len(shown)
    more = [line(Span(f" {hidden} more levels: < > go to them", "muted"))] if hidden else []
    return [*lines, *more, EMPTY, *_notes(sub_rounds[answer.level], width)]


def no_levels(answer: ExperimentAnswer, width: int) -> list[Line]:
    """Return why there is nothing to see yet, or never will be."""
    experiment = answer.experiment
    if experiment.outcome is None:
        text = "No load level is measured yet: the first figures come with the first level."
    elif experiment.failure is not None:
        text = f"No load level was measured: {one_line(experiment.failure.message)}."
    else:
        text = "No load level was measured."
    return wrap(text, width, "muted", indent=2)


def _visible(widths: Sequence[int], chosen: int, room: int) -> list[int]:
    """Return the levels that fit side by side, the chosen one among them."""
    shown = [chosen]
    used = widths[chosen]
    for at in (*range(chosen + 1, len(widths)), *range(chosen - 1, -1, -1)):
        if used + 3 + widths[at] > room:
            break
        used += 3 + widths[at]
        shown.append(at)
    return sorted(shown)


def _heading(
    sub_rounds: Sequence[SubRound], shown: Sequence[int], widths: Sequence[int], chosen: int
) -> Line:
    cells = []
    for at in shown:
        mark = "▸ " if at == chosen and len(sub_rounds) > 1 else ""
        cell = fit(line(Span(f"{mark}{sub_rounds[at].level}", "title")), widths[at], "right")
        cells.append(restyle(cell, "key") if mark else cell)
    return line(fit(line(Span(" load level", "heading")), _NAME), joined(cells, "   "))


def _facts(sub_rounds: Sequence[SubRound]) -> Iterator[_Row]:
    yield _Row("load level", tuple(line(f"▸ {s.level}") for s in sub_rounds))
    yield _Row("requests", tuple(map(_requests, sub_rounds)))
    yield _Row("measured for", tuple(line(figures.duration(s.duration)) for s in sub_rounds))
    yield _Row("load steady", tuple(map(_steady, sub_rounds)))
    for name in ("prompt_tokens", "output_tokens"):
        yield _Row(name.replace("_", " "), tuple(_tokens(getattr(s, name)) for s in sub_rounds))


def _requests(of: SubRound) -> Line:
    failed = sum(of.requests.failed.values())
    bad = Span(f", {failed} failed" if failed else "", "bad")
    return line(f"{of.requests.completed:,} done", bad)


def _steady(of: SubRound) -> Line:
    match of.steady:
        case None:
            return line(Span("unknown", "muted"))
        case True:
            return line(Span(f"{HELD} yes", "ok"))
    return line(Span("! no", "warn"))


def _tokens(of: Distribution | None) -> Line:
    if of is None:
        return line(Span(NOTHING, "muted"))
    spread = "" if of.std == 0 else f" ± {figures.number(of.std)}"
    return line(f"{figures.number(of.mean)}{spread}")


def _latencies(sub_rounds: Sequence[SubRound], slos: dict[str, SloTarget]) -> Iterator[_Row]:
    for family in _FAMILIES:
        if all(getattr(s, family) is None for s in sub_rounds):
            continue
        wanted = list(_STATISTICS)
        wanted += [n.rpartition("_")[2] for n in slos if n.rpartition("_")[0] == family]  # type: ignore[misc]
        for at, statistic in enumerate(dict.fromkeys(wanted)):
            name = f"{family}_{statistic}"
            cells = tuple(
                _latency(getattr(s, family), statistic, slos.get(name)) for s in sub_rounds
            )
            yield _Row(figures.metric_title(name), cells, begins_group=at == 0)


def _latency(of: Distribution | None, statistic: Statistic, target: SloTarget | None) -> Line:
    if of is None:
        return line(Span(NOTHING, "muted"))
    value = of.of(statistic)
    parts = [figure_against(target, value, figures.latency(value))]
    if interval := of.intervals.get(statistic):
        parts.insert(0, line(Span(_interval(interval), "muted")))
    return joined(parts, " ")


def _interval(of: tuple[float, float]) -> str:
    """Write both ends in the unit of the upper one: `[43.1–46.0 ms]`."""
    upper = figures.latency(of[1])
    unit = upper.rpartition(" ")[2]
    factor = {"µs": 1e6, "ms": 1e3}.get(unit, 1.0)
    return f"[{figures.number(of[0] * factor)}–{upper}]"


def _rates(sub_rounds: Sequence[SubRound]) -> Iterator[_Row]:
    for at, name in enumerate(_RATES):
        if any(s.metric(name) is not None for s in sub_rounds):
            of = quantity(name)
            cells = tuple(_rate(s, name) for s in sub_rounds)
            yield _Row(of.title, cells, begins_group=at == 0)


def _rate(of: SubRound, name: str) -> Line:
    value = of.metric(name)
    if value is None:
        return line(Span(NOTHING, "muted"))
    interval = {
        "output_throughput": of.output_throughput_interval,
        "attainment": of.attainment_interval,
    }.get(name)
    text = written(quantity(name), value) if value else "0"
    if interval is None:
        return line(text)
    low, high = (v * 100 if name == "attainment" else v for v in interval)
    return line(Span(f"[{figures.number(low)}–{figures.number(high)}] ", "muted"), text)


def _notes(of: SubRound, width: int) -> Iterator[Line]:
    kinds = ", ".join(f"{count} × {kind}" for kind, count in of.requests.failed.items())
    if kinds:
        yield from wrap(f"✗ failed requests: {kinds}", width, "bad", indent=1)
    if of.client is not None:
        yield from wrap(
            f"the load worker was busy {figures.percentage(of.client.cpu_share)} of the time and"
            f" added about {figures.latency(of.client.ttft_error)} to the mean TTFT",
            width,
            "bad" if of.client.bound else "muted",
            indent=1,
        )
    for text in (*of.contaminated_by, *of.notes):
        yield from wrap(f"! {one_line(text)}", width, "warn", indent=1)
    yield line(Span(" [a–b] is a 95 % confidence interval", "muted"))
