"""Courses over time, one strip below another over one common axis: load, latency, GPUs. Pure.

A strip begins at 0, so that heights compare; its greatest figure stands beside it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.report.scale import Scale, ticks
from tui.spans import Line, Span, between, crop, fit, from_cells, line

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_GUTTER = 9
_LEAST_ROWS = 2


@dataclass(frozen=True)
class Strip:
    """One figure over time."""

    title: str
    places: tuple[tuple[float, float | None], ...]
    """Seconds and figures, in order; None where there was none."""
    write: Callable[[float], str]
    """Writes a figure."""
    style: str = "ok"
    top: float | None = None
    """The end of the scale, where it is known: 1 for a share."""
    limit: float | None = None
    """The threshold of an SLO on it."""
    limit_label: str = ""


def draw_strips(
    strips: Sequence[Strip], width: int, height: int, *, zero: str = "", unit: str = "s"
) -> list[Line]:
    """Return strips over one time axis in about `height` lines of `width` cells.

    Args:
        zero: what happened at second 0, marked by a line, if that is within the axis.
    """
    known = [at for strip in strips for at, _ in strip.places]
    if not known or width < 2 * _GUTTER:
        return [line(Span("  nothing was recorded over time", "muted"))]
    span = Scale(min(known), max(max(known), min(known) + 1.0))
    rows = max(_LEAST_ROWS, (height - 2) // len(strips) - 1)
    lines: list[Line] = []
    for strip in strips:
        lines += _strip(strip, span, width, rows, zero)
    return [*lines, *_time_axis(span, width, zero, unit)]


def _strip(strip: Strip, span: Scale, width: int, rows: int, zero: str) -> list[Line]:
    columns = width - _GUTTER - 1
    figures = [v for _, v in strip.places if v is not None and math.isfinite(v)]
    title = line(Span(strip.title, "heading"))
    if not figures:
        return [crop(line(title, Span("  was not recorded", "muted")), width)]
    highest = max(figures)
    limit = strip.limit if strip.limit is not None and strip.limit <= 3 * highest else None
    top = strip.top or max(highest, limit or 0.0) or 1.0
    mean = sum(figures) / len(figures)
    facts = f"mean {strip.write(mean)}, most {strip.write(highest)}"
    head = between(title, line(Span(facts, "muted")), width)
    heights = _heights(strip, span, columns, top, rows)
    grid = [[(_cell(h, rows - 1 - row), strip.style) for h in heights] for row in range(rows)]
    _mark_zero(grid, span, columns, zero)
    if limit is not None:
        _mark_limit(grid, limit / top, strip.limit_label)
    labels = [strip.write(top), *[""] * (rows - 2), "0"]
    return [
        head,
        *(
            line(fit(line(Span(label, "muted")), _GUTTER, "right"), Span("│", "muted"), row)
            for label, row in zip(labels, map(from_cells, grid), strict=True)
        ),
    ]


def _heights(strip: Strip, span: Scale, columns: int, top: float, rows: int) -> list[int | None]:
    """Return the height of each column in eighths of a cell; None where nothing is known."""
    sums: list[list[float]] = [[] for _ in range(columns)]
    places = [(int(span.fraction(at) * (columns - 1) + 0.5), value) for at, value in strip.places]
    for (column, value), (following, _) in zip(places, [*places[1:], (columns, None)], strict=True):
        if value is not None and math.isfinite(value):
            for each in range(column, max(column + 1, min(following, columns))):
                sums[each].append(value)
    whole = rows * 8
    return [
        max(1, min(whole, round(whole * (sum(found) / len(found)) / top))) if found else None
        for found in sums
    ]


def _cell(height: int | None, row_from_below: int) -> str:
    filled = 0 if height is None else max(0, min(8, height - 8 * row_from_below))
    return _EIGHTHS[filled]


def _mark_zero(grid: list[list[tuple[str, str]]], span: Scale, columns: int, zero: str) -> None:
    if zero and span.low < 0 < span.high:
        column = int(span.fraction(0.0) * (columns - 1) + 0.5)
        for row in grid:
            row[column] = ("╎", "text")


def _mark_limit(grid: list[list[tuple[str, str]]], share: float, label: str) -> None:
    row = grid[max(0, min(len(grid) - 1, round((1 - share) * len(grid) - 0.5)))]
    for column in range(0, len(row), 2):
        row[column] = ("╌", "slo")
    for column, character in enumerate(f" {label} "[: len(row) - 1], 1):
        row[column] = (character, "slo")


def _time_axis(span: Scale, width: int, zero: str, unit: str) -> list[Line]:
    columns = width - _GUTTER - 1
    rule, names = ["─"] * columns, [" "] * width
    free = 0
    for tick in ticks(span, max(2, columns // 10)):
        column = int(span.fraction(tick) * (columns - 1) + 0.5)
        text = f"{tick:g} {unit}"
        begin = max(0, _GUTTER + 1 + column - len(text) // 2)
        if 0 <= column < columns and begin >= free and begin + len(text) <= width:
            rule[column] = "┬"
            names[begin : begin + len(text)] = text
            free = begin + len(text) + 1
    said = f"╎ {zero}" if zero and span.low < 0 < span.high else ""
    return [
        line(" " * _GUTTER, Span("└" + "".join(rule), "muted")),
        line(Span("".join(names).rstrip(), "muted")),
        *([line(" " * (_GUTTER + 1), Span(said, "muted"))] if said else []),
    ]
