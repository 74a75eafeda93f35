"""A chart as shapes on a canvas, for writing it as SVG or PNG. Pure.

The same values as on the screen, with the same rules for the lines of SLOs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from core.report.scale import ticks
from tui.chart.spec import Axis, Chart, Point, SloLine

WIDTH, HEIGHT = 1000, 620
_LEFT, _RIGHT, _TOP, _BOTTOM = 90, 30, 74, 70
_TEXT = "#1f2430"
_MUTED = "#5d6675"
_GRID = "#e4e7ec"
_SLO = "#cc0000"

COLOURS = {
    "ok": "#0067a8", "bad": "#b34700", "run": "#00704f", "best": "#9b2f73", "baseline": "#0b57a8",
    "warn": "#7a5d00", "accent": "#0b57a8", "muted": "#8a93a3", "text": _TEXT, "": _TEXT,
}  # fmt: skip
"""The colours of the light theme: a saved chart goes onto paper and slides."""

Places: TypeAlias = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Path:
    """Straight lines from place to place."""

    places: Places
    colour: str
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True)
class Shape:
    """A filled or an open polygon."""

    places: Places
    colour: str
    filled: bool = True


@dataclass(frozen=True)
class Dot:
    """A filled or an open circle."""

    x: float
    y: float
    radius: float
    colour: str
    filled: bool = True


@dataclass(frozen=True)
class Text:
    """A text; its anchor is at its baseline."""

    x: float
    y: float
    text: str
    colour: str = _TEXT
    size: int = 14
    anchor: str = "start"
    """`start`, `middle` or `end` of the text is at x."""


Part: TypeAlias = Path | Shape | Dot | Text


def parts(chart: Chart, title: str) -> Iterator[Part]:
    """Yield everything that is drawn, from the back to the front, on WIDTH × HEIGHT."""
    yield Text(_LEFT, 30, title, size=18)
    yield from _legend(chart)
    yield from _x_axis(chart.x)
    yield from _y_axis(chart.y)
    for slo in chart.vertical:
        yield from _vertical(slo, chart.x)
    for slo in chart.horizontal:
        yield from _horizontal(slo, chart.y)
    for curve in chart.curves:
        places = tuple((_x(chart.x, x), _y(chart.y, y)) for x, y in curve.places)
        if len(places) > 1:
            yield Path(places, COLOURS.get(curve.style, _TEXT), 1.8)
    for point in chart.points:
        yield from _mark(point.glyph, _x(chart.x, point.x), _y(chart.y, point.y), _colour(point))


def _x(axis: Axis, value: float) -> float:
    return _LEFT + min(1.0, max(0.0, axis.scale.fraction(value))) * (WIDTH - _LEFT - _RIGHT)


def _y(axis: Axis, value: float) -> float:
    room = HEIGHT - _TOP - _BOTTOM
    return HEIGHT - _BOTTOM - min(1.0, max(0.0, axis.scale.fraction(value))) * room


def _colour(point: Point) -> str:
    return COLOURS.get(point.style, _TEXT)


def _legend(chart: Chart) -> Iterator[Part]:
    x = float(_LEFT)
    for key in chart.legend:
        yield from _mark(key.glyph, x + 5, 50, COLOURS.get(key.style, _TEXT))
        yield Text(x + 16, 55, key.text, _MUTED)
        x += 40 + 7.5 * len(key.text)


def _x_axis(axis: Axis) -> Iterator[Part]:
    bottom = HEIGHT - _BOTTOM
    for tick in ticks(axis.scale, 8):
        x = _x(axis, tick)
        yield Path(((x, _TOP), (x, bottom)), _GRID)
        yield Text(x, bottom + 20, axis.unit.write(tick), _MUTED, anchor="middle")
    yield Path(((_LEFT, bottom), (WIDTH - _RIGHT, bottom)), _MUTED)
    yield Text((WIDTH + _LEFT - _RIGHT) / 2, HEIGHT - 20, axis.title, anchor="middle")


def _y_axis(axis: Axis) -> Iterator[Part]:
    for tick in ticks(axis.scale, 7):
        y = _y(axis, tick)
        yield Path(((_LEFT, y), (WIDTH - _RIGHT, y)), _GRID)
        yield Text(_LEFT - 8, y + 5, axis.unit.write(tick), _MUTED, anchor="end")
    yield Path(((_LEFT, _TOP), (_LEFT, HEIGHT - _BOTTOM)), _MUTED)
    yield Text(8, _TOP - 8, axis.title)


def _vertical(slo: SloLine, axis: Axis) -> Iterator[Part]:
    top, bottom = _TOP, HEIGHT - _BOTTOM
    match slo.beyond:
        case "above":
            yield Text(WIDTH - _RIGHT - 4, top + 16, f"{slo.label} >", _SLO, anchor="end")
        case "below":
            yield Text(_LEFT + 4, top + 16, f"< {slo.label}", _SLO)
        case "inside":
            x = _x(axis, slo.value)
            yield Path(((x, top), (x, bottom)), _SLO, 1.6, dashed=True)
            right = x < WIDTH - _RIGHT - 110
            yield Text(x + 6 if right else x - 6, top + 16, slo.label, _SLO,
                       anchor="start" if right else "end")  # fmt: skip


def _horizontal(slo: SloLine, axis: Axis) -> Iterator[Part]:
    left, right = _LEFT, WIDTH - _RIGHT
    match slo.beyond:
        case "above":
            yield Text((left + right) / 2, _TOP + 16, f"^ {slo.label}", _SLO, anchor="middle")
        case "below":
            yield Text((left + right) / 2, HEIGHT - _BOTTOM - 8, f"v {slo.label}", _SLO,
                       anchor="middle")  # fmt: skip
        case "inside":
            y = _y(axis, slo.value)
            yield Path(((left, y), (right, y)), _SLO, 1.6, dashed=True)
            yield Text(left + 8, y - 6 if y > _TOP + 24 else y + 18, slo.label, _SLO)


def _mark(glyph: str, x: float, y: float, colour: str) -> Iterator[Part]:
    """Yield the shape that stands for a glyph of the screen."""
    r = 5.0
    match glyph:
        case "×":
            yield Path(((x - r, y - r), (x + r, y + r)), colour, 2)
            yield Path(((x - r, y + r), (x + r, y - r)), colour, 2)
        case "■" | "□":
            corners = ((x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r))
            yield Shape(corners, colour, filled=glyph == "■")
        case "▲" | "△":
            yield Shape(((x, y - r), (x + r, y + r), (x - r, y + r)), colour, filled=glyph == "▲")
        case "◆":
            yield Shape(((x, y - 7), (x + 7, y), (x, y + 7), (x - 7, y)), colour)
        case "★":
            yield Shape(tuple((x + dx, y + dy) for dx, dy in _STAR), colour)
        case "○":
            yield Dot(x, y, r, colour, filled=False)
        case "·":
            yield Dot(x, y, 2.5, colour)
        case _:
            yield Dot(x, y, r, colour)


_STAR: Places = (
    (0, -9), (2.4, -3), (8.6, -2.8), (3.8, 1.2), (5.3, 7.3), (0, 3.8), (-5.3, 7.3), (-3.8, 1.2),
    (-8.6, -2.8), (-2.4, -3),
)  # fmt: skip
