"""Parallel coordinates: an axis for each parameter and one for the figure, a line an experiment.

Parameters have their values at equal distances, whatever they are; the figure has a scale. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.report.quantities import Quantity
from core.report.scale import scale, ticks, unit
from tui.chart.drawing import Cells, plotted
from tui.chart.run_points import ExperimentPoint
from tui.chart.spec import Curve, natural_order, value_text
from tui.spans import EMPTY, Line, Span, cells, crop, fit, from_cells, line

_DRAWN_AT_MOST = 200
"""Experiments that are drawn: the newest, and the one that is looked at."""


@dataclass(frozen=True)
class _Axis:
    title: str
    places: tuple[tuple[float, str], ...]
    """Height from 0 to 1, and what is written there."""


def parallel(
    experiments: Sequence[ExperimentPoint],
    flags: Sequence[str],
    of: Quantity,
    *,
    best: int | None,
    chosen: int | None,
    width: int,
    height: int,
    marks: Literal["braille", "dots"],
) -> list[Line]:
    """Return the picture.

    Args:
        flags: the parameters, in their order.
        of: the quantity of the last axis.
        best: number of the best experiment.
        chosen: number of the experiment that stands out.
    """
    known = [e for e in experiments if e.figure(of.name) is not None]
    if not known or not flags:
        return [EMPTY, line(Span("  nothing to draw yet: no experiment has this figure", "muted"))]
    figures = [e.figure(of.name) or 0.0 for e in known]
    span = scale(figures)
    unit_of = unit(of, span)
    values = {
        flag: sorted({value_text(e, flag) for e in known}, key=natural_order) for flag in flags
    }
    scaled = tuple((span.fraction(t), unit_of.write(t)) for t in ticks(span, max(2, height // 4)))
    axes = [
        *(
            _Axis(flag, tuple((_height(at, len(found)), text) for at, text in enumerate(found)))
            for flag, found in values.items()
        ),
        _Axis(f"{of.title}, {unit_of.name}" if unit_of.name else of.title, scaled),
    ]

    def curve(experiment: ExperimentPoint) -> Curve:
        heights = [
            _height(values[flag].index(value_text(experiment, flag)), len(values[flag]))
            for flag in flags
        ]
        heights.append(span.fraction(experiment.figure(of.name) or 0.0))
        style = "text" if experiment.number == chosen else _style(experiment, best)
        return Curve(tuple((at / len(flags), h) for at, h in enumerate(heights)), style)

    # What stands out is drawn last, over the others.
    drawn = sorted(
        known[-_DRAWN_AT_MOST:] + [e for e in known[:-_DRAWN_AT_MOST] if e.number == best],
        key=lambda e: (e.number == chosen, e.number == best, bool(e.feasible)),
    )
    last = max((len(text) for _, text in axes[-1].places), default=4)
    columns, rows = width - last - 4, height - 2
    grid = plotted([curve(e) for e in drawn], columns, rows, marks)
    return [*_titles(axes, columns, width), *_with_axes(grid, axes, rows, last)]


def _style(experiment: ExperimentPoint, best: int | None) -> str:
    if experiment.number == best:
        return "best"
    return "ok" if experiment.feasible else "bad" if experiment.feasible is False else "muted"


def _height(at: int, count: int) -> float:
    return 0.5 if count == 1 else at / (count - 1)


def _column(at: int, count: int, columns: int) -> int:
    return round(at / (count - 1) * (columns - 1))


def _titles(axes: Sequence[_Axis], columns: int, width: int) -> list[Line]:
    """Return the names of the axes, on two lines by turns, so that neighbours have room."""
    rows: list[list[tuple[str, str]]] = [[(" ", "")] * width, [(" ", "")] * width]
    for at, axis in enumerate(axes):
        column = _column(at, len(axes), columns)
        share = 2 * columns // len(axes)
        title = crop(line(Span(axis.title, "heading")), max(6, share - 2))
        begin = min(column, width - sum(len(span.text) for span in title))
        for offset, cell in enumerate(cells(title)):
            rows[at % 2][max(0, begin) + offset] = cell
    return [from_cells(row) for row in rows]


def _with_axes(grid: Cells, axes: Sequence[_Axis], rows: int, last: int) -> list[Line]:
    columns = len(grid[0])
    for at, axis in enumerate(axes):
        column = _column(at, len(axes), columns)
        for row in grid:
            row[column] = ("│", "muted")
        for height, text in axis.places:
            row = grid[max(0, min(rows - 1, round((1 - height) * (rows - 1))))]
            row[column] = ("┼", "muted")
            if at < len(axes) - 1:
                for offset, character in enumerate(f" {text} "[: columns - column - 1], 1):
                    row[column + offset] = (character, "text")
    names = {
        max(0, min(rows - 1, round((1 - height) * (rows - 1)))): text
        for height, text in axes[-1].places
    }
    return [
        line(from_cells(row), " ", fit(line(Span(names.get(at, ""), "muted")), last + 1))
        for at, row in enumerate(grid)
    ]
