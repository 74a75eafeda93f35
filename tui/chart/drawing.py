"""Drawing a chart with plotext into lines of spans.

plotext places points and curves on a bare grid of cells; everything around and between them is laid
out here, where it is known which cell is what: axes and round ticks, SLO lines that are dashed and
labelled, the cursor. So no label is clipped, and no figure that plotext cannot take reaches it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from textual_plotext import Plot

from core.report.scale import ticks
from tui.chart.spec import Axis, Bar, Chart, Curve, Point, SloLine
from tui.spans import Line, Span, cells, crop, fit, from_cells, joined, line

Cells = list[list[tuple[str, str]]]

_BLANK = (" ", "")
_LEAST_WIDTH, _LEAST_HEIGHT = 24, 6
_DRAWN_AT_MOST = 2000
"""Points that are drawn: more would lie on one another, and take time."""

_STYLES = ("", "text", "muted", "accent", "ok", "warn", "bad", "run", "best", "baseline", "slo")
_FIRST_COLOUR = 16
"""For a colour, plotext is given this plus the place of a style in `_STYLES`, and gives it back."""

_EIGHTHS = " ▁▂▃▄▅▆▇█"

_ANSI = re.compile(r"\x1b\[([\d;]*)m")


@dataclass(frozen=True)
class Drawn:
    """A chart in lines, and where in them its cells are."""

    lines: tuple[Line, ...]
    left: int
    """Column of the grid's first cell."""
    top: int
    """Line of the grid's first cell."""
    width: int
    height: int

    def cell(self, chart: Chart, x: float, y: float) -> tuple[int, int] | None:
        """Return column and line of a place, or None outside the grid."""
        column = _bin(chart.x.scale.fraction(x), self.width)
        row = _bin(chart.y.scale.fraction(y), self.height)
        if not (0 <= column < self.width and 0 <= row < self.height):
            return None
        return self.left + column, self.top + self.height - 1 - row

    def with_cursor(self, chart: Chart, point: Point) -> Sequence[Line]:
        """Return the lines with a ring around one point."""
        place = self.cell(chart, point.x, point.y)
        if place is None:
            return self.lines
        column, row = place
        return [
            _with_cell(drawn, column, ("◉", "current")) if at == row else drawn
            for at, drawn in enumerate(self.lines)
        ]


def draw(
    chart: Chart, width: int, height: int, *, marks: Literal["braille", "dots"] = "braille"
) -> Drawn:
    """Return the chart in `height` lines of `width` cells.

    Args:
        marks: what curves are made of.
    """
    if width < _LEAST_WIDTH or height < _LEAST_HEIGHT:
        return Drawn((line(Span("no room for a chart", "muted")),), 0, 0, 0, 0)
    head = _head(chart, width)
    rows = height - len(head) - 3  # the axis, its ticks, its title
    y_ticks = ticks(chart.y.scale, max(2, rows // 4))
    labels = [chart.y.unit.write(tick) for tick in y_ticks]
    gutter = max(map(len, labels), default=0) + 1
    columns = width - gutter - 1
    grid = _grid(chart, columns, rows, marks)
    ruled = _ruled(chart, columns, rows)
    for bar in chart.bars:
        _stand(ruled, bar, chart)
    for row, content in enumerate(grid):
        for column, cell in enumerate(content):
            if cell[0] != " ":
                ruled[row][column] = cell
    body = _with_y_axis(chart.y, ruled, y_ticks, labels, gutter)
    foot = _x_axis(chart.x, columns, gutter, width)
    return Drawn((*head, *body, *foot), gutter + 1, len(head), columns, rows)


def _head(chart: Chart, width: int) -> list[Line]:
    entries = [line(Span(key.glyph, key.style), f" {key.text}") for key in chart.legend]
    title = line(Span(f"↑ {chart.y.title}", "heading"))
    legend = joined(entries, "   ")
    return [crop(title, width), *([crop(line("  ", legend), width)] if legend else [])]


# The grid


def _grid(chart: Chart, columns: int, rows: int, marks: str) -> Cells:
    """Return points and curves, as plotext places them."""
    plot = Plot()
    plot.plotsize(columns, rows)
    plot._set_size(columns, rows)
    plot.theme("clear")
    for hide in (plot.xaxes, plot.yaxes):
        hide(False, False)  # noqa: FBT003
    plot.xticks([], [])
    plot.yticks([], [])
    plot.xlim(0, 1)
    plot.ylim(0, 1)
    for curve in chart.curves:
        _plot_curve(plot, chart, curve, marks)
    _plot_points(plot, chart, chart.points[-_DRAWN_AT_MOST:])
    drawn = _parsed(plot.build())
    blank = [_BLANK] * columns
    return [(row + blank)[:columns] for row in (drawn + [[]] * rows)[:rows]]


def _plot_curve(plot: Plot, chart: Chart, curve: Curve, marks: str) -> None:
    xs = [_clamped(chart.x.scale.fraction(x)) for x, _ in curve.places]
    ys = [_clamped(chart.y.scale.fraction(y)) for _, y in curve.places]
    if len(xs) > 1:
        marker = "braille" if marks == "braille" else "·"
        plot.plot(xs, ys, marker=marker, color=_colour(curve.style))


def _plot_points(plot: Plot, chart: Chart, points: Sequence[Point]) -> None:
    alike: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        alike.setdefault((point.glyph, point.style), []).append(point)
    for (glyph, style), group in alike.items():
        plot.scatter(
            [_clamped(chart.x.scale.fraction(point.x)) for point in group],
            [_clamped(chart.y.scale.fraction(point.y)) for point in group],
            marker=glyph,
            color=_colour(style),
        )


def _colour(style: str) -> int:
    return _FIRST_COLOUR + _STYLES.index(style)


def _clamped(fraction: float) -> float:
    return min(1.0, max(0.0, fraction))


def _bin(fraction: float, bins: int) -> int:
    """Return the cell that plotext puts a place in."""
    if not -1.0 < fraction < 2.0:
        return -1
    return int(round(0.5 + (bins - 1) * fraction, 8) // 1)


def _parsed(drawing: str) -> Cells:
    rows: Cells = []
    style = ""
    for text in drawing.rstrip("\n").split("\n"):
        row: list[tuple[str, str]] = []
        at = 0
        for escape in _ANSI.finditer(text):
            row += [(character, style) for character in text[at : escape.start()]]
            code = escape[1].split(";")
            known = code[:2] == ["38", "5"]
            style = _STYLES[int(code[2]) - _FIRST_COLOUR] if known else ""
            at = escape.end()
        rows.append(row + [(character, style) for character in text[at:]])
    return rows


def _stand(grid: Cells, bar: Bar, chart: Chart) -> None:
    """Draw a bar behind what is in the grid already."""
    rows, columns = len(grid), len(grid[0])
    begin = _bin(_clamped(chart.x.scale.fraction(bar.begin)), columns)
    end = _bin(_clamped(chart.x.scale.fraction(bar.end)), columns)
    eighths = max(1, round(8 * rows * _clamped(chart.y.scale.fraction(bar.height))))
    end = max(end, begin + 1) - (end - begin > 2)  # a gap between bars, where there is room
    for column in range(begin, min(end, columns)):
        for row in range(rows):
            filled = max(0, min(8, eighths - 8 * row))
            if filled and grid[rows - 1 - row][column][0] == " ":
                grid[rows - 1 - row][column] = (_EIGHTHS[filled], "ok")


# The lines of SLOs


def _ruled(chart: Chart, columns: int, rows: int) -> Cells:
    """Return the empty grid with the lines of the SLOs, dashed and labelled."""
    grid: Cells = [[_BLANK] * columns for _ in range(rows)]
    for at, slo in enumerate(chart.vertical):
        _rule_vertical(grid, slo, chart.x, min(at, rows - 1))
    for slo in chart.horizontal:
        _rule_horizontal(grid, slo, chart.y)
    return grid


def _rule_vertical(grid: Cells, slo: SloLine, axis: Axis, label_row: int) -> None:
    columns = len(grid[0])
    if slo.beyond != "inside":
        above = slo.beyond == "above"
        label = f"{slo.label} →" if above else f"← {slo.label}"
        _write(grid[label_row], label, columns - len(label) if above else 0)
        return
    column = _bin(axis.scale.fraction(slo.value), columns)
    for row in grid[::2]:
        row[column] = ("╎", "slo")
    size = len(slo.label)
    fits_right = columns - column - 2 >= size
    _write(grid[label_row], slo.label, column + 2 if fits_right else column - 1 - size)


def _rule_horizontal(grid: Cells, slo: SloLine, axis: Axis) -> None:
    rows, columns = len(grid), len(grid[0])
    if slo.beyond != "inside":
        above = slo.beyond == "above"
        label = f"{'↑' if above else '↓'} {slo.label}"
        # One line away from the corner, which a vertical line's label may have.
        _write(grid[1] if above else grid[-1], label, columns // 2)
        return
    row = rows - 1 - _bin(axis.scale.fraction(slo.value), rows)
    for column in range(0, columns, 2):
        grid[row][column] = ("╌", "slo")
    _write(grid[row - 1 if row > 1 else row + 1], slo.label, 1)


def _write(row: list[tuple[str, str]], text: str, column: int) -> None:
    column = max(0, min(column, len(row) - len(text)))
    for at, character in enumerate(text[: len(row)]):
        row[column + at] = (character, "slo")


# The axes


def _with_y_axis(
    axis: Axis, grid: Cells, at: Sequence[float], labels: Sequence[str], gutter: int
) -> list[Line]:
    rows = len(grid)
    named = {
        rows - 1 - _bin(axis.scale.fraction(tick), rows): label
        for tick, label in zip(at, labels, strict=True)
    }
    lines = []
    for row, content in enumerate(grid):
        label = named.get(row, "")
        edge = "┤" if row in named else "│"
        lines.append(
            line(
                fit(line(Span(label, "muted")), gutter, "right"),
                Span(edge, "muted"),
                from_cells(content),
            )
        )
    return lines


def _x_axis(axis: Axis, columns: int, gutter: int, width: int) -> list[Line]:
    found = ticks(axis.scale, max(2, columns // 12))
    rule, names = ["─"] * columns, [" "] * (columns + gutter + 1)
    free = 0
    for tick in found:
        column = _bin(axis.scale.fraction(tick), columns)
        text = axis.unit.write(tick)
        begin = max(gutter + 1 + column - len(text) // 2, 0)
        if not 0 <= column < columns or begin < free or begin + len(text) > len(names):
            continue
        rule[column] = "┬"
        names[begin : begin + len(text)] = text
        free = begin + len(text) + 1
    title = crop(line(Span(f"→ {axis.title}", "heading")), width)
    return [
        line(" " * gutter, Span("└" + "".join(rule), "muted")),
        line(Span("".join(names).rstrip(), "muted")),
        fit(title, width, "right"),
    ]


def _with_cell(of: Line, column: int, cell: tuple[str, str]) -> Line:
    row = cells(of)
    row += [_BLANK] * (column + 1 - len(row))
    row[column] = cell
    return from_cells(row)
