"""A chart as the drawing that reports have, for writing it as SVG or PNG. Pure.

The same values as on the screen, in the same look, with the same rules for the lines of SLOs as in
a report.
"""

from core.report.svg import plot
from core.report.svg.canvas import SIZE, Canvas, width_of
from tui.chart.spec import Axis, Chart, SloLine

WIDTH, HEIGHT = 860.0, 520.0

_INKS = {
    "ok": "accent", "bad": "bad", "run": "good", "best": "good", "baseline": "base",
    "warn": "warn", "accent": "accent", "muted": "muted",
}  # fmt: skip
"""The report's colour for each style of the screen."""

_SHAPES = {
    "×": "cross", "■": "square", "□": "square", "▲": "triangle", "△": "triangle", "◆": "diamond",
    "★": "star",
}  # fmt: skip
_HOLLOW = frozenset("□△○×")


def picture(chart: Chart, title: str) -> Canvas:
    """Return the drawing of a chart."""
    canvas = Canvas(WIDTH, HEIGHT, title)
    x, y = _axis(chart.x, chart.vertical), _axis(chart.y, chart.horizontal)
    frame = plot.Plot(canvas, x, y, top=44, heading=title)
    frame.frame()
    left = 4.0
    for key in chart.legend:
        canvas.mark((left + 5, frame.top - 24), *_look(key.glyph, key.style))
        canvas.text((left + 14, frame.top - 20), key.text)
        left += width_of(key.text) + 32
    frame.slos()
    for curve in chart.curves:
        if len(curve.places) > 1:
            canvas.path([frame.place(*place) for place in curve.places], "line")
    for point in chart.points:
        place = frame.place(point.x, point.y)
        canvas.mark(place, *_look(point.glyph, point.style), point.text)
    return canvas


def _axis(axis: Axis, slos: tuple[SloLine, ...]) -> plot.Axis:
    return plot.Axis(axis.quantity, axis.scale, axis.unit, tuple(slo.value for slo in slos))


def _look(glyph: str, style: str) -> tuple[str, float, str]:
    """Return shape, size and class of what stands for a glyph of the screen."""
    ink = _INKS.get(style, "ink")
    kind = f"{'hollow' if glyph in _HOLLOW else 'solid'}-{ink}"
    return _SHAPES.get(glyph, "circle"), 2.5 if glyph == "·" else SIZE * 0.4, kind
