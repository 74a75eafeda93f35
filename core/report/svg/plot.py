"""The frame of a chart with two axes: ticks, titles, lines of SLOs, a legend. Draws no data.

The lines of SLOs keep three rules. There is one exactly where an axis shows a metric that an SLO is
on: vertical for X, horizontal for Y. It is never left out: one that lies outside the range stands
as an arrow with its value at the edge it lies beyond. And it is labelled.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.report.quantities import Quantity
from core.report.scale import Scale, Unit, axis_title, scale, slo_label, ticks, unit
from core.report.svg.canvas import SIZE, Canvas, Place, width_of


@dataclass(frozen=True)
class Axis:
    """What one axis shows, over which range, and the SLOs on it."""

    quantity: Quantity
    scale: Scale
    unit: Unit
    limits: tuple[float, ...] = ()

    @classmethod
    def of(
        cls, quantity: Quantity, values: Iterable[float], limits: Sequence[float] = ()
    ) -> "Axis":
        """Return the axis for figures; logarithmic where they span more than a factor of thirty."""
        known = [value for value in values if value is not None]
        wide = bool(known) and min(known) > 0 and max(known) / min(known) > 30
        range_of = scale(known, limits, log=wide)
        return cls(quantity, range_of, unit(quantity, range_of), tuple(limits))

    @property
    def title(self) -> str:
        """What it shows, in which unit, and which end is better."""
        return axis_title(self.quantity, self.unit)


class Plot:
    """A canvas with a frame; data go inside of it through `place`."""

    def __init__(
        self, canvas: Canvas, x: Axis, y: Axis, *, top: float = 26, heading: str = ""
    ) -> None:
        self.canvas, self.x, self.y = canvas, x, y
        written = [y.unit.write(tick) for tick in ticks(y.scale, 6)]
        self.left = max((width_of(text) for text in written), default=20.0) + 14
        self.right = canvas.width - 16
        self.heading = heading
        self._head = 22.0 if heading else 0.0
        self.top, self.bottom = top + SIZE + self._head, canvas.height - 44

    def place(self, x: float, y: float) -> Place:
        """Return where two figures are drawn, in pixels."""
        return self.at_x(x), self.at_y(y)

    def at_x(self, value: float) -> float:
        """Return the column of a figure."""
        return self.left + self.x.scale.fraction(value) * (self.right - self.left)

    def at_y(self, value: float) -> float:
        """Return the row of a figure."""
        return self.bottom - self.y.scale.fraction(value) * (self.bottom - self.top)

    def frame(self) -> None:
        """Draw the grid, the ticks and the titles of both axes."""
        canvas = self.canvas
        across = max(3, int((self.right - self.left) / 70))
        for tick in ticks(self.y.scale, 6):
            row = self.at_y(tick)
            canvas.line((self.left, row), (self.right, row), "grid")
            canvas.text((self.left - 6, row + 4), self.y.unit.write(tick), anchor="end")
        for tick in ticks(self.x.scale, across):
            column = self.at_x(tick)
            canvas.line((column, self.bottom), (column, self.bottom + 4), "axis")
            canvas.text((column, self.bottom + 18), self.x.unit.write(tick), anchor="middle")
        canvas.line((self.left, self.bottom), (self.right, self.bottom), "axis")
        if self.heading:
            canvas.text((4, SIZE + 2), self.heading, "strong")
        canvas.text((4, SIZE + 2 + self._head), self.y.title, "title")
        canvas.text((self.right, canvas.height - 8), self.x.title, "title", anchor="end")

    def slos(self) -> None:
        """Draw the line, or at the edge the arrow, of every SLO on either axis."""
        for number, limit in enumerate(self.x.limits):
            self._vertical(limit, number)
        for limit in self.y.limits:
            self._horizontal(limit)

    def _vertical(self, limit: float, number: int) -> None:
        canvas, label = self.canvas, slo_label(limit)
        fraction = self.x.scale.fraction(limit)
        row = self.top - 6 + 15 * number
        if 0 <= fraction <= 1:
            column = self.at_x(limit)
            canvas.line((column, self.top - 4), (column, self.bottom), "slo", label)
            if column + 6 + width_of(label) * 1.08 <= self.right + 12:
                canvas.text((column + 6, row + 4), label, "slo-label")
            else:
                canvas.text((column - 6, row + 4), label, "slo-label", anchor="end")
            return
        middle = (self.top + self.bottom) / 2
        if fraction > 1:
            _arrow(canvas, (self.right + 8, middle), (1, 0))
            canvas.text((self.right - 4, middle + 4), label, "slo-label", anchor="end")
        else:
            _arrow(canvas, (self.left + 2, middle), (-1, 0))
            canvas.text((self.left + 14, middle + 4), label, "slo-label")

    def _horizontal(self, limit: float) -> None:
        canvas, label = self.canvas, slo_label(limit)
        fraction = self.y.scale.fraction(limit)
        if 0 <= fraction <= 1:
            row = self.at_y(limit)
            canvas.line((self.left, row), (self.right, row), "slo", label)
            canvas.text((self.right, row - 5), label, "slo-label", anchor="end")
            return
        middle = (self.left + self.right) / 2
        if fraction > 1:
            _arrow(canvas, (middle, self.top - 8), (0, -1))
            canvas.text((middle + 9, self.top + 2), label, "slo-label")
        else:
            _arrow(canvas, (middle, self.bottom - 2), (0, 1))
            canvas.text((middle + 9, self.bottom - 4), label, "slo-label")


def legend(canvas: Canvas, entries: Sequence[tuple[str, str, str]], place: Place) -> None:
    """Draw a legend in one row, from right to left of `place`.

    Args:
        entries: shape, class and words of each.
        place: the right end of its base line.
    """
    x, y = place
    for shape, kind, words in reversed(entries):
        x -= width_of(words)
        canvas.text((x, y), words)
        x -= 10
        canvas.mark((x, y - 4), shape, 4.5, kind)
        x -= 16


def _arrow(canvas: Canvas, tip: Place, way: tuple[int, int]) -> None:
    x, y = tip
    dx, dy = way
    places = [
        tip,
        (x - 10 * dx - 6 * dy, y - 10 * dy - 6 * dx),
        (x - 10 * dx + 6 * dy, y - 10 * dy + 6 * dx),
    ]
    canvas.path(places, "slo-arrow", closed=True)
