"""A drawing as a bitmap, painted from the parts and by the rules of the SVG; always light."""

import io
import re
from itertools import pairwise
from typing import Any

from core.report.svg.canvas import SIZE, Canvas, Part, Place
from core.report.svg.style import LIGHT, own_rules

SCALE = 2
"""Pixels for each unit of the drawing."""

_RULE = re.compile(r"\.chart (?:text)?\.?([\w-]+)[^{,]*\{([^}]*)\}")


def png(canvas: Canvas) -> bytes:
    """Return the drawing as a PNG file."""
    from PIL import Image, ImageDraw  # takes as long to import as the rest of a report

    size = (round(canvas.width * SCALE), round(canvas.height * SCALE))
    image = Image.new("RGB", size, LIGHT["paper"])
    pen = ImageDraw.Draw(image, "RGBA")
    looks = _looks()
    for part in canvas.parts:
        _paint(pen, part, looks.get(part.kind, {}))
    file = io.BytesIO()
    image.save(file, "png", optimize=True)
    return file.getvalue()


def _looks() -> dict[str, dict[str, str]]:
    """Return the declarations of each class."""
    found: dict[str, dict[str, str]] = {}
    for name, body in _RULE.findall(own_rules(SIZE, both=False)):
        pairs = (declaration.split(":", 1) for declaration in body.split(";") if ":" in declaration)
        found.setdefault(name, {}).update({key.strip(): value.strip() for key, value in pairs})
    return found


def _paint(pen: Any, part: Part, look: dict[str, str]) -> None:
    if part.tag == "text":
        _write(pen, part, look)
        return
    fill = _colour(look.get("fill", "#000000"), look.get("fill-opacity", "1"))
    stroke = _colour(look.get("stroke", "none"), "1")
    width = max(1, round(float(look.get("stroke-width", "1")) * SCALE))
    x, y = _scaled(part.places[0]) if part.places else (0.0, 0.0)
    w, h = part.size[0] * SCALE, part.size[1] * SCALE
    match part.tag:
        case "circle":
            pen.ellipse((x - w, y - h, x + w, y + h), fill, stroke, width if stroke else 0)
        case "rect":
            if w >= 1 and h >= 1:
                pen.rounded_rectangle((x, y, x + w, y + h), part.round_ * SCALE, fill)
        case "path" if part.closed:
            pen.polygon([_scaled(place) for place in part.places], fill, stroke)
        case "line" | "path" if stroke:
            dashes = [float(length) for length in look.get("stroke-dasharray", "").split()]
            for start, end in _strokes(part.places, dashes):
                pen.line((_scaled(start), _scaled(end)), stroke, width)


def _write(pen: Any, part: Part, look: dict[str, str]) -> None:
    from PIL import ImageFont

    font = ImageFont.load_default(SIZE * SCALE)
    anchor = {"start": "ls", "middle": "ms", "end": "rs"}[part.anchor]
    colour = look.get("fill", LIGHT["muted"])
    pen.text(_scaled(part.places[0]), part.words, colour, font, anchor=anchor)


def _strokes(places: tuple[Place, ...], dashes: list[float]) -> list[tuple[Place, Place]]:
    """Return the strokes of a line; of a dashed one each dash, as SVG spaces them."""
    legs = list(pairwise(places))
    if not dashes:
        return legs
    found = []
    on, left, step = True, dashes[0], 0
    for (x1, y1), (x2, y2) in legs:
        length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
        done = 0.0
        while done < length:
            reach = min(length, done + left)
            if on:
                ends = [
                    (x1 + (x2 - x1) * at / length, y1 + (y2 - y1) * at / length)
                    for at in (done, reach)
                ]
                found.append((ends[0], ends[1]))
            left -= reach - done
            done = reach
            if left <= 1e-9:
                on, step = not on, (step + 1) % len(dashes)
                left = dashes[step]
    return found


def _colour(name: str, opacity: str) -> tuple[int, int, int, int] | None:
    if not name.startswith("#"):
        return None
    red, green, blue = (int(name[place : place + 2], 16) for place in (1, 3, 5))
    return red, green, blue, round(255 * float(opacity))


def _scaled(place: Place) -> Place:
    return place[0] * SCALE, place[1] * SCALE
