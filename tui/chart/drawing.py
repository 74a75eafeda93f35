"""Drawing a chart with plotext into lines of spans.

plotext places points and curves on a bare grid of cells; everything around and between them is laid
out here, where it is known which cell is what: axes and round ticks, SLO lines that are dashed and
labelled, the cursor. So no label is clipped, and no figure that plotext cannot take reaches it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from textual_plotext import Plot

from core.report.scale import ticks
from tui.chart.spec import Axis, Bar, Chart, Curve, Point
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
        """Return the lines with one point reversed; it keeps its shape."""
        place = self.cell(chart, point.x, point.y)
        if place is None:
            return self.lines
        column, row = place
        return [
            _with_cell(drawn, column, (point.glyph, f"{point.style} current"))
            if at == row
            else drawn
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
    y_ticks = ticks(chart.y.scale, max(2, rows // 3))
    labels = [chart.y.unit.write(tick) for tick in y_ticks]
    gutter = max(map(len, labels), default=0) + 1
    columns = width - gutter - 1
    grid = _ruled(chart, columns, rows)
    for bar in chart.bars:
        _stand(grid, bar, chart)
    for over, under in zip(_grid(chart, columns, rows, marks), grid, strict=True):
        for column, cell in enumerate(over):
            if cell[0] != " ":
                under[column] = cell
    _label(chart, grid)
    body = _with_y_axis(chart.y, grid, y_ticks, labels, gutter)
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
    curves = [
        Curve(
            tuple((chart.x.scale.fraction(x), chart.y.scale.fraction(y)) for x, y in curve.places),
            curve.style,
        )
        for curve in chart.curves
    ]
    return plotted(curves, columns, rows, marks, partial(_plot_points, chart))


def plotted(
    curves: Sequence[Curve],
    columns: int,
    rows: int,
    marks: str,
    more: Callable[[Plot], None] = lambda _: None,
) -> Cells:
    """Return a bare grid with curves, whose places are shares of its width and height.

    Args:
        marks: `braille`, or anything else for dots.
        more: draws over the curves.
    """
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
    for curve in curves:
        xs, ys = zip(*curve.places, strict=True) if curve.places else ((), ())
        if len(xs) > 1:
            marker = "braille" if marks == "braille" else "·"
            color = _colour(curve.style)
            plot.plot([*map(_clamped, xs)], [*map(_clamped, ys)], marker=marker, color=color)
    more(plot)
    drawn = _parsed(plot.build())
    vars(plot).clear()  # it refers to itself, and would wait for the garbage collector
    blank = [_BLANK] * columns
    return [(row + blank)[:columns] for row in (drawn + [[]] * rows)[:rows]]


def _plot_points(chart: Chart, plot: Plot) -> None:
    alike: dict[tuple[str, str], list[Point]] = {}
    for point in chart.points[-_DRAWN_AT_MOST:]:
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
    """Return the empty grid with the dashed lines of the SLOs."""
    grid: Cells = [[_BLANK] * columns for _ in range(rows)]
    for slo in chart.vertical:
        if slo.beyond == "inside":
            for row in grid[::2]:
                row[_bin(chart.x.scale.fraction(slo.value), columns)] = ("╎", "slo")
    for slo in chart.horizontal:
        if slo.beyond == "inside":
            row = grid[rows - 1 - _bin(chart.y.scale.fraction(slo.value), rows)]
            row[::2] = [("╌", "slo")] * len(row[::2])
    return grid


def _label(chart: Chart, grid: Cells) -> None:
    """Write the labels of the SLOs beside their lines, where they hide no point if that can be."""
    rows, columns = len(grid), len(grid[0])
    for slo in chart.vertical:
        size = len(slo.label)
        match slo.beyond:
            case "above":
                places = [(row, columns - size - 2) for row in range(rows)]
                _write(grid, f"{slo.label} →", places)
            case "below":
                _write(grid, f"← {slo.label}", [(row, 0) for row in range(rows)])
            case "inside":
                column = _bin(chart.x.scale.fraction(slo.value), columns)
                sides = [column + 2, column - 1 - size]
                fitting = [begin for begin in sides if 0 <= begin <= columns - size]
                places = [(row, begin) for row in range(rows) for begin in fitting or [0]]
                _write(grid, slo.label, places)
    for slo in chart.horizontal:
        across = range(1, max(2, columns - len(slo.label) - 3), 4)
        match slo.beyond:
            case "above":
                # Away from the corner, which a vertical line's label may have.
                places = [(row, columns // 2) for row in range(rows)]
                _write(grid, f"↑ {slo.label}", places)
            case "below":
                places = [(row, columns // 2) for row in range(rows - 1, -1, -1)]
                _write(grid, f"↓ {slo.label}", places)
            case "inside":
                row = rows - 1 - _bin(chart.y.scale.fraction(slo.value), rows)
                beside = [r for r in (row - 1, row + 1) if 0 <= r < rows]
                _write(grid, slo.label, [(r, column) for r in beside for column in across])


def _write(grid: Cells, text: str, places: Sequence[tuple[int, int]]) -> None:
    """Write a label at the first of some places where nothing stands, or else at the first."""

    def free(row: int, column: int) -> bool:
        around = grid[row][max(0, column - 1) : column + len(text) + 1]
        return all(cell[0] in " ╎" for cell in around)

    row, column = next((place for place in places if free(*place)), places[0])
    column = max(0, min(column, len(grid[row]) - len(text)))
    for at, character in enumerate(text[: len(grid[row])]):
        grid[row][column + at] = (character, "slo")


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
