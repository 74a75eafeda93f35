"""An SVG drawing under construction: lines, shapes and words, each with a class and perhaps a tip.

Nothing here knows what is drawn. Numbers are written with one decimal, which keeps files small and
the same on every machine; words of foreign origin are escaped.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from math import cos, pi, sin
from typing import Literal, TypeAlias

from core.report.svg.style import own_rules

Anchor: TypeAlias = Literal["start", "middle", "end"]
Place: TypeAlias = tuple[float, float]

SIZE = 12
"""Height of the letters, in pixels."""

_WIDE, _NARROW = frozenset("mwMWGOQ@%—"), frozenset("iljtfrI.,:;'|![]() ")


@dataclass(frozen=True)
class Part:
    """One thing that is drawn: its kind is the class that says how it looks."""

    tag: Literal["line", "path", "circle", "rect", "text"]
    kind: str
    places: tuple[Place, ...] = ()
    """Both ends, every corner, the centre, the upper left corner, or where the words stand."""
    size: tuple[float, float] = (0.0, 0.0)
    """Radius twice, or width and height."""
    round_: float = 0.0
    closed: bool = False
    words: str = ""
    """Text, or the tip of anything else."""
    anchor: Anchor = "start"

    def svg(self) -> str:
        """Return the element."""
        named = f' class="{self.kind}"' if self.kind else ""
        where = " ".join(f'{name}="{_n(value)}"' for name, value in self._numbers())
        if self.tag == "text":
            anchored = "" if self.anchor == "start" else f' text-anchor="{self.anchor}"'
            return f"<text {where}{named}{anchored}>{escape(self.words)}</text>"
        if self.tag == "path":
            steps = "".join(
                f"{'L' if number else 'M'}{_n(x)} {_n(y)}"
                for number, (x, y) in enumerate(self.places)
            )
            where = f'd="{steps}{"Z" if self.closed else ""}"'
        if not self.words:
            return f"<{self.tag}{named} {where}/>"
        return f"<{self.tag}{named} {where}><title>{escape(self.words)}</title></{self.tag}>"

    def _numbers(self) -> list[tuple[str, float]]:
        x, y = self.places[0]
        match self.tag:
            case "line":
                return [("x1", x), ("y1", y), ("x2", self.places[1][0]), ("y2", self.places[1][1])]
            case "circle":
                return [("cx", x), ("cy", y), ("r", self.size[0])]
            case "rect":
                size = [("width", self.size[0]), ("height", self.size[1])]
                rounded = [("rx", self.round_)] if self.round_ else []
                return [("x", x), ("y", y), *size, *rounded]
        return [("x", x), ("y", y)]


class Canvas:
    """A drawing of so many pixels."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width, self.height = width, height
        self._title = title
        self.parts: list[Part] = []

    def line(self, start: Place, end: Place, kind: str, tip: str = "") -> None:
        """Draw a straight line."""
        self.parts.append(Part("line", kind, (start, end), words=tip))

    def path(
        self, places: Iterable[Place], kind: str, tip: str = "", *, closed: bool = False
    ) -> None:
        """Draw a line from place to place."""
        self.parts.append(Part("path", kind, tuple(places), closed=closed, words=tip))

    def circle(self, centre: Place, radius: float, kind: str, tip: str = "") -> None:
        """Draw a circle."""
        self.parts.append(Part("circle", kind, (centre,), (radius, radius), words=tip))

    def rectangle(
        self,
        corner: Place,
        width: float,
        height: float,
        kind: str,
        tip: str = "",
        *,
        round_: float = 0.0,
    ) -> None:
        """Draw a rectangle from its upper left corner."""
        size = (max(0.0, width), max(0.0, height))
        self.parts.append(Part("rect", kind, (corner,), size, round_=round_, words=tip))

    def text(self, place: Place, words: str, kind: str = "", *, anchor: Anchor = "start") -> None:
        """Write words, their base line at `place`."""
        self.parts.append(Part("text", kind, (place,), words=words, anchor=anchor))

    def mark(self, centre: Place, shape: str, radius: float, kind: str, tip: str = "") -> None:
        """Draw a point: `circle`, `ring`, `cross`, `square`, `triangle`, `diamond` or `star`."""
        x, y = centre
        match shape:
            case "cross":
                r = radius * 0.85
                self.line((x - r, y - r), (x + r, y + r), kind, tip)
                self.line((x - r, y + r), (x + r, y - r), kind, tip)
            case "square":
                r = radius * 0.9
                places = [(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)]
                self.path(places, kind, tip, closed=True)
            case "triangle":
                places = [(x, y - radius), (x + radius, y + radius), (x - radius, y + radius)]
                self.path(places, kind, tip, closed=True)
            case "diamond":
                r = radius * 1.2
                places = [(x, y - r), (x + r, y), (x, y + r), (x - r, y)]
                self.path(places, kind, tip, closed=True)
            case "star":
                self.path(_star(x, y, radius * 1.6), kind, tip, closed=True)
            case _:
                self.circle(centre, radius, kind, tip)

    def svg(self, *, css: str | None = None, variant: str = "") -> str:
        """Return the drawing as an element of a page, or with `css` as a file of its own.

        Args:
            variant: a further class of the element.
        """
        size = f'viewBox="0 0 {_n(self.width)} {_n(self.height)}"'
        title = f"<title>{escape(self._title)}</title>"
        body = "".join(part.svg() for part in self.parts)
        if css is None:
            name = escape(self._title, quote=True)
            return (
                f'<svg class="chart {variant}" {size} role="img" aria-label="{name}">{body}</svg>'
            )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" {size} '
            f'width="{_n(self.width)}" height="{_n(self.height)}" role="img">{title}'
            f"<style>{css}</style>"
            f'<rect class="paper" width="100%" height="100%"/>{body}</svg>\n'
        )


def own_file(canvas: Canvas) -> str:
    """Return a drawing as a file of its own, which follows the reader's theme."""
    return canvas.svg(css=own_rules(SIZE))


def width_of(words: str, size: float = SIZE) -> float:
    """Return about how wide words are, in pixels, in the fonts that systems bring."""
    units = sum(0.88 if c in _WIDE else 0.36 if c in _NARROW else 0.6 for c in words)
    return units * size


def shortened(words: str, width: float, size: float = SIZE) -> str:
    """Return words cut, with an ellipsis, to about so many pixels."""
    if width_of(words, size) <= width:
        return words
    while words and width_of(words + "…", size) > width:
        words = words[:-1]
    return words.rstrip() + "…"


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _star(x: float, y: float, radius: float) -> list[Place]:
    places = []
    for corner in range(10):
        reach = radius if corner % 2 == 0 else radius * 0.45
        angle = pi * corner / 5
        places.append((x + reach * sin(angle), y - reach * cos(angle)))
    return places
