"""A widget that draws lines of spans and sends to the terminal only the cells that changed.

Textual's own widgets repaint themselves whole when one figure changes, which costs a remote
terminal the whole screen once a second. Here the new picture is compared with the old one.
"""

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from textual.events import Resize
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.palette import PALETTES, Palette
from tui.spans import EMPTY, Line, differences, fit


class Canvas(Widget):
    """Draws what `draw` returns. Call `redraw` whenever that may be something else."""

    DEFAULT_CSS = "Canvas { width: 1fr; height: 1fr; }"

    lines: Sequence[Line] = ()
    """What was drawn last."""

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the picture: at most `height` lines, each of at most `width` cells."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw anew and have what changed sent to the terminal."""
        width, height = self.size
        if not width or not height:
            return
        before, self.lines = self.lines, list(self.draw(width, height))[:height]
        regions = _changed(before, self.lines, width)
        if regions:
            self.refresh(*regions)

    def redraw_all(self) -> None:
        """Draw anew and send every cell: the colours are others, or the terminal was disturbed."""
        self.lines = ()
        self.redraw()
        self.refresh()

    def on_resize(self, _: Resize) -> None:
        """Draw for the new size."""
        self.redraw_all()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return lines that are gone once they are drawn over."""
        return [_Row(strip, strip.cell_length) for strip in super().render_lines(crop)]

    def render_line(self, y: int) -> Strip:
        """Return one line as Textual wants it."""
        palette = self.palette
        line = self.lines[y] if y < len(self.lines) else EMPTY
        width = self.size.width
        segments = [Segment(text, palette.style(style)) for text, style in fit(line, width)]
        return Strip(segments, width)

    @property
    def palette(self) -> Palette:
        """The colours of the app."""
        palette = getattr(self.app, "palette", None)
        return palette if isinstance(palette, Palette) else PALETTES["dark"]


class _Row(Strip):
    """A line that does not refer to itself.

    Textual's remembers how it was divided, also into itself as the only part; so every line that
    was ever drawn would wait for the garbage collector, which comes by once in a long while.
    """

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """Return the parts between the cuts, the last of which is the end."""
        cuts = [cut for cut in cuts if cut <= self.cell_length]
        return [self] if cuts == [self.cell_length] else super().divide(cuts)


def _changed(before: Sequence[Line], after: Sequence[Line], width: int) -> list[Region]:
    regions = []
    for y in range(max(len(before), len(after))):
        old = before[y] if y < len(before) else EMPTY
        new = after[y] if y < len(after) else EMPTY
        for start, end in differences(old, new):
            regions.append(Region(start, y, min(end, width) - start, 1))
    return regions
