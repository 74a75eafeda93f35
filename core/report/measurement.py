"""One measured load level on a terminal: rates, latencies, and what each figure is worth."""

from collections.abc import Iterator
from typing import TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from core.events import Distribution, SloVerdict, SubRound
from core.report import figures
from core.report.characters import NOTHING, STYLES, WARNING, ascii_only, one_line, slo_symbol
from core.report.standing import margin_of
from core.report.wording import margin
from core.task import Statistic

_SHOWN: tuple[Statistic, ...] = ("mean", "p50", "p90", "p95", "p99", "p99.9")
_FAMILIES = {
    "TTFT": "ttft",
    "TPOT": "tpot",
    "ITL": "itl",
    "ITL/token": "itl_per_token",
    "E2E": "e2e_latency",
}


def print_measurement(
    measured: SubRound, slos: tuple[SloVerdict, ...], file: TextIO, *, width: int | None = None
) -> None:
    """Print one sub-round, and what its SLOs came to.

    Args:
        width: columns to fit into; by default the terminal's, or 80 where there is none.
    """
    console = Console(file=file, width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        for part in _parts(measured, slos):
            console.print(part)
    text = capture.get()
    file.write(text if console.encoding.startswith("utf") else ascii_only(text))


def _parts(measured: SubRound, slos: tuple[SloVerdict, ...]) -> Iterator[RenderableType]:
    yield Text(f"\n{measured.level}", style="bold")
    yield Text(_how(measured))
    yield Text(_rates(measured))
    yield _latencies(measured)
    if (found := measured.found) is not None:
        kind = "in flight" if found.over == "concurrency" else "requests/s"
        held = "none" if found.load is None else f"{found.load:.4g}"
        broke = "" if found.broke is None else f", {found.broke:.4g} breaks them"
        sure = "95 % confident" if found.certain else "by the figures alone, not with 95 %"
        yield Text(f"largest load that holds the SLOs: {held} {kind}{broke} ({sure})", "bold")
    for slo in slos:
        symbol = slo_symbol(slo)
        yield Text.assemble((f"{symbol} ", STYLES[symbol]), margin(margin_of(slo, None)))
    for note in measured.notes:
        yield Text.assemble((f"{WARNING} ", STYLES[WARNING]), one_line(note))


def _how(measured: SubRound) -> str:
    counts = measured.requests
    worth = measured.e2e_latency.effective if measured.e2e_latency else None
    failed = sum(counts.failed.values())
    return ", ".join(
        [
            f"{counts.sent} requests in {figures.duration(measured.duration)}",
            *([f"worth {worth:.0f} independent ones"] if worth and worth < counts.sent - 1 else []),
            *([f"{failed} failed"] if failed else []),
            *(["not steady"] if measured.steady is False else []),
        ]
    )


def _rates(measured: SubRound) -> str:
    ends = measured.output_throughput_interval
    half = f" ± {figures.number((ends[1] - ends[0]) / 2)}" if ends else ""
    parts = [
        f"{figures.number(measured.request_throughput)} req/s",
        f"{figures.number(measured.output_throughput)}{half} output tok/s",
        f"{figures.number(measured.total_throughput)} total tok/s",
    ]
    if measured.goodput is not None:
        parts.append(f"goodput {figures.number(measured.goodput)} req/s")
    if measured.attainment is not None:
        parts.append(f"{figures.percentage(measured.attainment)} hold every SLO")
    if (cost := measured.cost_per_million_tokens) is not None:
        parts.append(f"{figures.number(cost)} per million tokens")
    return " · ".join(parts)


def _latencies(measured: SubRound) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for statistic in _SHOWN:
        table.add_column(statistic if statistic == "mean" else statistic.upper(), justify="right")
    for title, family in _FAMILIES.items():
        distribution: Distribution | None = getattr(measured, family)
        if distribution is None:
            continue
        table.add_row(title, *(figures.latency(distribution.of(s)) for s in _SHOWN))
        table.add_row(Text("  95 %", "dim"), *(Text(_ends(distribution, s), "dim") for s in _SHOWN))
    return table


def _ends(distribution: Distribution, statistic: Statistic) -> str:
    """Return both ends of an interval in the unit of the larger; nothing where it has none."""
    if statistic not in distribution.intervals:
        return NOTHING
    low, high = distribution.intervals[statistic]
    scale = 1.0 if high >= 0.9995 else 1e3 if high >= 0.0009995 else 1e6
    return f"{figures.number(max(0.0, low) * scale)}–{figures.number(high * scale)}"
