"""How latencies are spread, and what server and GPUs did over time: the drawn pages. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from core.events import GpuUse, SubRound
from core.report import figures
from core.report.scale import slo_label
from core.task import STATISTICS, SloTarget
from tui.chart.drawing import draw
from tui.chart.histogram import histogram
from tui.chart.strips import Strip, draw_strips
from tui.experiment.answer import ExperimentAnswer
from tui.experiment.levels_page import no_levels
from tui.experiment_rows import figure_against
from tui.spans import EMPTY, Line, Span, crop, fit, joined, line, wrap

Family: TypeAlias = Literal["ttft", "tpot", "e2e_latency"]
FAMILIES: tuple[Family, ...] = get_args(Family)

_GIB = 2**30
_TITLES = {"ttft": "TTFT", "tpot": "TPOT", "itl": "ITL", "e2e_latency": "E2E"}


def level_line(answer: ExperimentAnswer) -> Line:
    """Return which load level is looked at."""
    sub_rounds = answer.experiment.sub_rounds
    if not sub_rounds:
        return EMPTY
    more = f"   level {answer.level + 1} of {len(sub_rounds)}, < > changes it"
    return line(
        Span(f" {sub_rounds[answer.level].level}", "title"),
        Span(more if len(sub_rounds) > 1 else "", "muted"),
    )


def latency_page(answer: ExperimentAnswer, family: Family, width: int, height: int) -> list[Line]:
    """Return how one latency is spread over requests, and the statistics of all."""
    if not answer.experiment.sub_rounds:
        return [EMPTY, *no_levels(answer, width)]
    sub_round = answer.experiment.sub_rounds[answer.level]
    table = _statistics(sub_round, family, answer.stored.task.slo.targets())
    head = [level_line(answer), EMPTY]
    if answer.latencies is None:
        why = "the single requests of this level were not kept, so only their statistics are known"
        return [*head, *table, EMPTY, line(Span(f" {why}", "muted"))]
    values: Sequence[float] = getattr(answer.latencies, family)
    failed = answer.latencies.failed
    left_out = f", {failed} failed and left out" if failed else ""
    caption = line(
        Span(f" {_TITLES[family]} of {len(values):,} requests", "title"),
        Span(f"{left_out}   m shows another", "muted"),
    )
    rows = max(8, height - len(table) - 3)
    chart = histogram(values, family, answer.slos, most_bins=max(1, (width - 8) // 2))
    if chart is None:
        return [*head, caption, line(Span("   none completed", "muted")), EMPTY, *table]
    drawn = draw(chart, width - 1, rows)
    return [line(level_line(answer), "  ", caption), *drawn.lines, EMPTY, *table]


def _statistics(of: SubRound, chosen: Family, slos: Mapping[str, SloTarget]) -> list[Line]:
    families = [name for name in ("ttft", "tpot", "itl", "e2e_latency") if getattr(of, name)]
    heads = [
        fit(line(Span(_TITLES[name], "title" if name == chosen else "heading")), 10, "right")
        for name in families
    ]
    rows = [line(" " * 7, joined(heads, " "))]
    for statistic in ("min", *STATISTICS, "max"):
        cells = []
        for name in families:
            distribution = getattr(of, name)
            value = (
                getattr(distribution, statistic)
                if statistic in {"min", "max"}
                else distribution.of(statistic)
            )
            target = slos.get(f"{name}_{statistic}")
            cells.append(fit(figure_against(target, value, figures.latency(value)), 10, "right"))
        title = statistic if statistic in {"min", "max", "mean"} else statistic.upper()
        rows.append(line(fit(line(Span(f" {title}", "muted")), 7), joined(cells, " ")))
    return rows


def time_page(answer: ExperimentAnswer, width: int, height: int) -> list[Line]:
    """Return the load level second by second."""
    if not answer.experiment.sub_rounds:
        return [EMPTY, *no_levels(answer, width)]
    sub_round = answer.experiment.sub_rounds[answer.level]
    series = sub_round.series
    head = [level_line(answer)]
    if series is None:
        return [*head, EMPTY, line(Span(" no course over time was kept for this level", "muted"))]
    times = [series.began + series.step * at for at in range(len(series.output_throughput))]

    def places(values: Sequence[float | None]) -> tuple[tuple[float, float | None], ...]:
        return tuple(zip(times, values, strict=False))

    slo = answer.slos.get("ttft_p50")
    strips = [
        Strip("output tok/s", places(series.output_throughput), figures.number, "ok"),
        Strip("requests in flight", places(series.in_flight), figures.number, "accent"),
        Strip(
            "TTFT, median of each second",
            places(series.ttft),
            figures.latency,
            "best",
            limit=slo,
            limit_label="" if slo is None else slo_label(slo),
        ),
    ]
    zero = f"measuring begins here, for {figures.duration(sub_round.duration)}"
    return [*head, *draw_strips(strips, width - 1, height - 2, zero=zero)]


def gpus_page(answer: ExperimentAnswer, width: int, height: int) -> list[Line]:
    """Return what the server's GPUs did while the level was measured."""
    if not answer.experiment.sub_rounds:
        return [EMPTY, *no_levels(answer, width)]
    sub_round = answer.experiment.sub_rounds[answer.level]
    if not sub_round.gpu_use:
        return [
            level_line(answer),
            EMPTY,
            *wrap(
                "The server had no GPU that could be watched: it ran on the CPU, or it is"
                " simulated, or the driver gave no figures.",
                width,
                "muted",
                indent=2,
            ),
        ]
    rows: list[Line] = [level_line(answer)]
    each = max(12, (height - 2) // len(sub_round.gpu_use))
    for use in sub_round.gpu_use:
        rows += [*_gpu(use, sub_round, width - 1, each), EMPTY]
    return rows


def _gpu(use: GpuUse, of: SubRound, width: int, height: int) -> list[Line]:
    throttled = use.throttled_share
    head = line(
        Span(f" {use.uuid[:12]}", "title"),
        Span(
            f"   clocks held down {figures.percentage(throttled)} of the time" if throttled else "",
            "warn",
        ),
    )
    times = [at - of.started_at for at, *_ in use.course]

    def places(column: int) -> tuple[tuple[float, float | None], ...]:
        values = [sample[column] for sample in use.course]
        return tuple(zip(times, values, strict=True))

    strips = [
        Strip("utilization", places(1), figures.percentage, "ok", top=1.0),
        Strip("power", places(2), lambda v: f"{v:.0f} W", "warn"),
        Strip("memory", places(3), lambda v: f"{v / _GIB:.1f} GiB", "accent"),
        Strip("temperature", places(4), lambda v: f"{v:.0f} °C", "bad"),
    ]
    known = [s for s in strips if any(value is not None for _, value in s.places)]
    if not known:
        return [head, line(Span("   no samples were kept", "muted"))]
    return [crop(head, width), *draw_strips(known, width, height - 1, zero="measuring begins")]
