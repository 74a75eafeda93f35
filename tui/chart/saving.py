"""Writing a chart to a file: as a picture to show, or as the figures behind it."""

import asyncio
import csv
import html
import io
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Literal, TypeAlias

from core.errors import HostError
from tui.chart.picture import HEIGHT, WIDTH, Dot, Part, Path, Shape, Text, parts
from tui.chart.spec import Chart
from tui.dialogs.picker import Choice

Form: TypeAlias = Literal["png", "svg", "html", "csv"]

FORMS: tuple[Choice[Form], ...] = (
    Choice("png", "PNG", "a picture"),
    Choice("svg", "SVG", "a drawing that can be scaled"),
    Choice("html", "HTML", "a page with the drawing and its figures"),
    Choice("csv", "CSV", "the figures, a row a point"),
)

_FONT = "font-family='system-ui, sans-serif'"
_SCALE = 2
"""Pixels of a PNG for each unit of the drawing."""


@dataclass(frozen=True)
class Picture:
    """A chart that is to be saved."""

    chart: Chart
    title: str
    simulated: bool

    @property
    def parts(self) -> tuple[Part, ...]:
        """Everything that is drawn."""
        note = " (simulated)" if self.simulated else ""
        return tuple(parts(self.chart, self.title + note))


async def save(picture: Picture, form: Form, path: str) -> str:
    """Write a picture to a file that is not there yet and return what to say.

    Raises:
        HostError: it cannot be written.
    """
    return await asyncio.to_thread(_write, picture, form, path)


def _write(picture: Picture, form: Form, path: str) -> str:
    target = FilePath(path).expanduser()
    content = content_of(picture, form)
    try:
        with target.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise HostError(f"{target}: cannot be written: {error.strerror}") from None
    return f"written to {target}"


def content_of(picture: Picture, form: Form) -> bytes:
    """Return the file's contents."""
    match form:
        case "png":
            return _png(picture)
        case "svg":
            return _svg(picture).encode()
        case "html":
            return _page(picture).encode()
        case "csv":
            return _csv(picture.chart).encode()


def _svg(picture: Picture) -> str:
    size = f"width='{WIDTH}' height='{HEIGHT}' viewBox='0 0 {WIDTH} {HEIGHT}'"
    drawn = "\n".join(map(_element, picture.parts))
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' {size} {_FONT}>\n"
        f"<rect width='100%' height='100%' fill='#ffffff'/>\n{drawn}\n</svg>\n"
    )


def _element(part: Part) -> str:
    match part:
        case Path():
            dash = " stroke-dasharray='7 5'" if part.dashed else ""
            stroke = f"fill='none' stroke='{part.colour}' stroke-width='{part.width:g}'{dash}"
            return f"<polyline points='{_points(part.places)}' {stroke}/>"
        case Shape():
            return f"<polygon points='{_points(part.places)}' {_fill(part.colour, part.filled)}/>"
        case Dot():
            at = f"cx='{part.x:.1f}' cy='{part.y:.1f}' r='{part.radius:g}'"
            return f"<circle {at} {_fill(part.colour, part.filled)}/>"
        case Text():
            at = f"x='{part.x:.1f}' y='{part.y:.1f}' font-size='{part.size}'"
            return (
                f"<text {at} fill='{part.colour}' text-anchor='{part.anchor}'>"
                f"{html.escape(part.text)}</text>"
            )


def _points(places: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _fill(colour: str, filled: bool) -> str:
    return f"fill='{colour}'" if filled else f"fill='none' stroke='{colour}' stroke-width='1.6'"


def _page(picture: Picture) -> str:
    rows = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>\n"
        for row in _rows(picture.chart)
    )
    title = html.escape(picture.title)
    return (
        f"<!doctype html>\n<html lang='en'><meta charset='utf-8'><title>{title}</title>\n"
        "<style>body{font-family:system-ui,sans-serif;margin:2em;max-width:1000px}"
        "td{padding:2px 12px 2px 0;border-bottom:1px solid #e4e7ec}svg{max-width:100%;height:auto}"
        f"</style>\n{_svg(picture)}\n<table>\n{rows}</table>\n</html>\n"
    )


def _csv(chart: Chart) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(_rows(chart))
    return text.getvalue()


def _rows(chart: Chart) -> list[list[str]]:
    """Return the points as rows, figures in seconds and shares of one as everywhere."""
    rows = [["experiment", "level", chart.x.quantity.name, chart.y.quantity.name, "what"]]
    rows += [
        [
            str(point.experiment),
            "" if point.level is None else str(point.level),
            repr(point.x),
            repr(point.y),
            point.text,
        ]
        for point in sorted(chart.points, key=lambda p: (p.experiment, p.level or 0))
    ]
    return rows


def _png(picture: Picture) -> bytes:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), "#ffffff")
    pen = ImageDraw.Draw(image)
    for part in picture.parts:
        _paint(pen, part)
    file = io.BytesIO()
    image.save(file, "png", optimize=True)
    return file.getvalue()


def _paint(pen: Any, part: Part) -> None:
    match part:
        case Path():
            width = round(part.width * _SCALE)
            for begin, end in _strokes(part):
                pen.line([_scaled(begin), _scaled(end)], fill=part.colour, width=width)
        case Shape():
            corners = [_scaled(place) for place in part.places]
            ink: dict[str, Any] = (
                {"fill": part.colour} if part.filled else {"outline": part.colour, "width": _SCALE}
            )
            pen.polygon(corners, **ink)
        case Dot():
            r = part.radius
            box = [_scaled((part.x - r, part.y - r)), _scaled((part.x + r, part.y + r))]
            ink = {"fill": part.colour} if part.filled else {"outline": part.colour, "width": 3}
            pen.ellipse(box, **ink)
        case Text():
            from PIL import ImageFont

            anchor = {"start": "ls", "middle": "ms", "end": "rs"}[part.anchor]
            font = ImageFont.load_default(part.size * _SCALE)
            pen.text(_scaled((part.x, part.y)), part.text, part.colour, font, anchor=anchor)


def _scaled(place: tuple[float, float]) -> tuple[float, float]:
    return place[0] * _SCALE, place[1] * _SCALE


def _strokes(
    path: Path,
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return the lines of a path; those of a dashed one broken into dashes."""
    lines = list(zip(path.places, path.places[1:], strict=False))
    if not path.dashed:
        return lines
    dashes = []
    for (x0, y0), (x1, y1) in lines:
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        count = max(1, round(length / 12))
        for at in range(count):
            a, b = at / count, (at + 0.58) / count
            begin = (x0 + (x1 - x0) * a, y0 + (y1 - y0) * a)
            dashes.append((begin, (x0 + (x1 - x0) * b, y0 + (y1 - y0) * b)))
    return dashes
