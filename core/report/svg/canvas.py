"""An SVG drawing under construction: lines, shapes and words, each with a class and perhaps a tip.

Nothing here knows what is drawn. Numbers are written with one decimal, which keeps files small and
the same on every machine; words of foreign origin are escaped.
"""

from collections.abc import Iterable
from html import escape
from math import cos, pi, sin
from typing import Literal, TypeAlias

from core.report.svg.style import own_rules

Anchor: TypeAlias = Literal["start", "middle", "end"]
Place: TypeAlias = tuple[float, float]

SIZE = 12
"""Height of the letters, in pixels."""

_WIDE, _NARROW = frozenset("mwMWGOQ@%—"), frozenset("iljtfrI.,:;'|![]() ")


class Canvas:
    """A drawing of so many pixels."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width, self.height = width, height
        self._title = title
        self._parts: list[str] = []

    def line(self, start: Place, end: Place, kind: str, tip: str = "") -> None:
        """Draw a straight line."""
        (x1, y1), (x2, y2) = start, end
        self._add("line", kind, tip, x1=x1, y1=y1, x2=x2, y2=y2)

    def path(
        self, places: Iterable[Place], kind: str, tip: str = "", *, closed: bool = False
    ) -> None:
        """Draw a line from place to place."""
        steps = " ".join(f"{'L' if n else 'M'}{_n(x)} {_n(y)}" for n, (x, y) in enumerate(places))
        self._add("path", kind, tip, d=f"{steps}Z" if closed else steps)

    def circle(self, centre: Place, radius: float, kind: str, tip: str = "") -> None:
        """Draw a circle."""
        self._add("circle", kind, tip, cx=centre[0], cy=centre[1], r=radius)

    def rectangle(
        self,
        corner: Place,
        width: float,
        height: float,
        kind: str,
        tip: str = "",
        *,
        round_: float = 0,
    ) -> None:
        """Draw a rectangle from its upper left corner."""
        shape = {"rx": round_} if round_ else {}
        x, y = corner
        self._add(
            "rect", kind, tip, x=x, y=y, width=max(0.0, width), height=max(0.0, height), **shape
        )

    def text(
        self, place: Place, words: str, kind: str = "", *, anchor: Anchor = "start", turn: float = 0
    ) -> None:
        """Write words, their base line at `place`.

        Args:
            turn: degrees clockwise about the place.
        """
        x, y = place
        turned = f' transform="rotate({_n(turn)} {_n(x)} {_n(y)})"' if turn else ""
        named = f' class="{kind}"' if kind else ""
        anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._parts.append(
            f'<text x="{_n(x)}" y="{_n(y)}"{named}{anchored}{turned}>{escape(words)}</text>'
        )

    def mark(self, centre: Place, shape: str, radius: float, kind: str, tip: str = "") -> None:
        """Draw a point: `circle`, `ring`, `cross`, `diamond` or `star`."""
        x, y = centre
        match shape:
            case "cross":
                r = radius * 0.85
                self._add(
                    "path",
                    kind,
                    tip,
                    d=f"M{_n(x - r)} {_n(y - r)}L{_n(x + r)} {_n(y + r)}"
                    f"M{_n(x - r)} {_n(y + r)}L{_n(x + r)} {_n(y - r)}",
                )
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
        body = "".join(self._parts)
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

    def _add(self, tag: str, kind: str, tip: str, **attributes: float | str) -> None:
        written = "".join(
            f' {name}="{value if isinstance(value, str) else _n(value)}"'
            for name, value in attributes.items()
        )
        if tip:
            self._parts.append(
                f'<{tag} class="{kind}"{written}><title>{escape(tip)}</title></{tag}>'
            )
        else:
            self._parts.append(f'<{tag} class="{kind}"{written}/>')


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
