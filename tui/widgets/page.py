"""A page of lines that can be longer than the screen: it scrolls, and says how far down it is."""

from collections.abc import Callable, Sequence
from typing import ClassVar, TypeAlias

from textual.binding import BindingType

from tui.keymap import Scope, bindings
from tui.spans import Line, Span, between, crop, line
from tui.widgets.canvas import Canvas

Content: TypeAlias = Callable[[int, int], Sequence[Line]]
"""Returns every line of a page for a width and a height; more than fit are scrolled through."""


class Page(Canvas, can_focus=True):
    """Shows what a function returns for the room there is."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.PAGE)]

    def __init__(self, content: Content, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._content = content
        self._top = 0
        self._total = 0

    def to_top(self) -> None:
        """Begin at the first line: this is another page."""
        self._top = 0
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the visible part."""
        every = [crop(row, width) for row in self._content(width, height)]
        self._total = len(every)
        if self._total <= height:
            self._top = 0
            return every
        self._top = max(0, min(self._top, self._total - height + 1))
        rows = every[self._top : self._top + height - 1]
        below = self._total - self._top - len(rows)
        more = f"↓ {below} more lines" if below else "the end"
        return [*rows, between(line(), line(Span(more, "muted")), width)]

    def _scroll(self, rows: int) -> None:
        self._top = max(0, self._top + rows)
        self.redraw()

    def action_up(self) -> None:
        """Scroll one line up."""
        self._scroll(-1)

    def action_down(self) -> None:
        """Scroll one line down."""
        self._scroll(1)

    def action_page_up(self) -> None:
        """Scroll a page up."""
        self._scroll(2 - self.size.height)

    def action_page_down(self) -> None:
        """Scroll a page down."""
        self._scroll(self.size.height - 2)

    def action_top(self) -> None:
        """Scroll to the beginning."""
        self.to_top()

    def action_bottom(self) -> None:
        """Scroll to the end."""
        self._scroll(self._total)
