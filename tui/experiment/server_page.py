"""What the server counted at a load level, beside the client's figures, and its course. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from core.events import ServerMetrics, SubRound
from core.report import figures
from core.report.characters import NOTHING, one_line
from tui.chart.strips import Strip, draw_strips
from tui.experiment.answer import ExperimentAnswer
from tui.experiment.course_pages import level_line
from tui.experiment.levels_page import no_levels
from tui.spans import EMPTY, Line, Span, crop, fit, line, wrap

_NAME, _COLUMN = 22, 14
_FEWEST_STRIP_LINES = 9
_TOLD = 0.005
"""Share by which the counts of server and client must differ for it to be told."""


@dataclass(frozen=True)
class _Row:
    name: str
    server: str
    client: str = ""
    note: str = ""


def server_page(answer: ExperimentAnswer, width: int, height: int) -> list[Line]:
    """Return tokens, queue, KV cache and preemptions of the level that is looked at."""
    if not answer.experiment.sub_rounds:
        return [EMPTY, *no_levels(answer, width)]
    sub_round = answer.experiment.sub_rounds[answer.level]
    server = sub_round.server
    head = [level_line(answer), EMPTY]
    if server is None:
        why = "The server has no page of metrics, or it could not be read while it was measured."
        return [*head, *wrap(why, width, "muted", indent=2)]
    heads = [fit(line(Span(text, "heading")), _COLUMN, "right") for text in ("server", "client")]
    table = [line(" " * _NAME, *heads)]
    for row in _rows(sub_round, server):
        cells = [
            fit(line(Span(text, "muted" if text == NOTHING else "")), _COLUMN, "right")
            for text in (row.server, row.client)
        ]
        name = fit(line(Span(f" {row.name}", "muted")), _NAME)
        table.append(crop(line(name, *cells, Span(f"   {row.note}", "muted")), width))
    said = f" {server.samples} looks at the server's page of metrics; what others asked counts too"
    table.append(crop(line(Span(said, "muted")), width))
    notes = [row for note in sub_round.notes for row in wrap(f"! {one_line(note)}", width, "warn")]
    rows = [*head, *table, *notes, EMPTY]
    strips = _strips(sub_round, server)
    if not strips:
        return rows
    room = max(_FEWEST_STRIP_LINES, height - len(rows))
    return [*rows, *draw_strips(strips, width - 1, room, zero="measuring begins")]


def _rows(of: SubRound, server: ServerMetrics) -> Iterator[_Row]:
    yield _tokens("prompt tokens", server.prompt_tokens, of.input_throughput * of.duration)
    yield _tokens("output tokens", server.output_tokens, of.output_throughput * of.duration)
    yield _Row(
        "requests running",
        _number(server.running),
        _number(_in_flight(of)),
        _peak(_number(server.running_peak), server.running_peak),
    )
    waiting = _peak(_number(server.queued_peak), server.queued_peak)
    yield _Row("requests waiting", _number(server.queued), note=waiting)
    kv = _peak(_share(server.kv_usage_peak), server.kv_usage_peak)
    yield _Row("KV cache in use", _share(server.kv_usage), note=kv)
    lost = "the KV cache was full: requests lost their place" if server.preemptions else ""
    yield _Row("preemptions", _count(server.preemptions), note=lost)
    yield _Row("prefix cache hits", _share(server.cache_hit_rate))


def _tokens(name: str, server: float | None, client: float) -> _Row:
    apart = ""
    if server is not None and client and abs(server / client - 1) >= _TOLD:
        apart = f"{figures.percentage(server / client - 1, signed=True)} at the server"
    return _Row(name, _count(server), _count(client), apart)


def _in_flight(of: SubRound) -> float | None:
    """Return the requests that the client had under way within the window, on average."""
    if of.series is None:
        return None
    began, step = of.series.began, of.series.step
    within = [
        value
        for at, value in enumerate(of.series.in_flight)
        if 0 <= began + step * at < of.duration
    ]
    return fmean(within) if within else None


def _strips(of: SubRound, server: ServerMetrics) -> list[Strip]:
    times = [at - of.started_at for at, *_ in server.course]

    def places(column: int) -> tuple[tuple[float, float | None], ...]:
        return tuple(zip(times, [sample[column] for sample in server.course], strict=True))

    strips = [
        Strip("requests running", places(1), figures.number, "ok"),
        Strip("requests waiting", places(2), figures.number, "warn"),
        Strip("KV cache in use", places(3), figures.percentage, "accent", top=1.0),
    ]
    return [strip for strip in strips if any(value is not None for _, value in strip.places)]


def _number(value: float | None) -> str:
    return NOTHING if value is None else figures.number(value)


def _count(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f}"


def _share(value: float | None) -> str:
    return NOTHING if value is None else figures.percentage(value)


def _peak(text: str, value: float | None) -> str:
    return "" if value is None else f"at most {text}"
