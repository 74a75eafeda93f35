"""Lines of a log with a cursor, over a window of the file; near an end of it, it asks for more."""

import re
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from tui.keymap import Scope, bindings
from tui.log_file import LogLine, LogWindow
from tui.spans import EMPTY, Line, Span, crop, fit, line, restyle, wrap
from tui.widgets.canvas import Canvas

_NOTHING = LogWindow((), 0, begins=True, ends=True)


class LogPane(Canvas, can_focus=True):
    """Shows a part of a log. Places are byte offsets."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.PAGE)]

    class Wanted(Message):
        """Lines are needed that are not at hand: see `LogPane.place`."""

    class Scrolled(Message):
        """The user went elsewhere, so that following the end is over."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.empty: Sequence[Line] = ()
        self.wrapped = False
        self.found: re.Pattern[str] | None = None
        """What is marked in the lines."""
        self._window = _NOTHING
        self._cursor = 0
        """Place of the cursor's line in the window."""
        self._top = 0
        """Place of the first visible line in the window."""

    @property
    def place(self) -> int:
        """Where the line under the cursor begins."""
        return self._window.lines[self._cursor].offset if self._window.lines else 0

    @property
    def current(self) -> LogLine | None:
        """The line under the cursor."""
        return self._window.lines[self._cursor] if self._window.lines else None

    @property
    def share(self) -> float:
        """How far into the file the last visible line is."""
        last = min(self._top + self.size.height, len(self._window.lines)) - 1
        if self._window.ends and last >= len(self._window.lines) - 1:
            return 1.0
        return self._window.lines[last].offset / self._window.size if last >= 0 else 1.0

    def show(self, window: LogWindow, *, place: int | None = None, at_end: bool = False) -> None:
        """Take in lines.

        Args:
            place: where the cursor shall be; None: where it was.
            at_end: whether the cursor shall be on the last line.
        """
        wanted = self.place if place is None else place
        top = self._window.lines[self._top].offset if self._window.lines else 0
        self._window = window
        self._cursor = len(window.lines) - 1 if at_end else self._index(wanted)
        self._top = self._cursor - self.size.height // 3 if place is not None else self._index(top)
        self._cursor, self._top = max(0, self._cursor), max(0, self._top)
        self._scroll_to_cursor()
        self.redraw()

    def _index(self, offset: int) -> int:
        """Return the place of the line that has the byte at `offset`."""
        before = [at for at, row in enumerate(self._window.lines) if row.offset <= offset]
        return before[-1] if before else 0

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the visible lines."""
        if not self._window.lines:
            return [crop(row, width) for row in self.empty]
        rows: list[Line] = []
        for at in range(self._top, len(self._window.lines)):
            rows += self._rows(at, width)
            if len(rows) >= height:
                break
        return rows[:height]

    def _rows(self, at: int, width: int) -> list[Line]:
        row = self._window.lines[at]
        here = at == self._cursor and self.has_focus
        edge = Span("▸" if at == self._cursor else " ", "key")
        style = "bad" if row.error else ""
        pieces = wrap(row.text, width - 1, style) if self.wrapped else [line(Span(row.text, style))]
        lines = [
            fit(line(edge if not number else " ", self._marked(piece)), width)
            for number, piece in enumerate(pieces or [EMPTY])
        ]
        return [restyle(each, "cursor") for each in lines] if here else lines

    def _marked(self, of: Line) -> Line:
        if self.found is None:
            return of
        spans: list[Span] = []
        for text, style in of:
            at = 0
            for match in self.found.finditer(text):
                if match.end() > match.start():
                    spans.append(Span(text[at : match.start()], style))
                    spans.append(Span(match[0], f"{style} found".strip()))
                    at = match.end()
            spans.append(Span(text[at:], style))
        return tuple(span for span in spans if span.text)

    def _height_of(self, at: int) -> int:
        if not self.wrapped:
            return 1
        return max(1, len(wrap(self._window.lines[at].text, self.size.width - 1)))

    def _scroll_to_cursor(self) -> None:
        if not self._window.lines:
            self._top = 0
            return
        self._top = min(self._top, self._cursor)
        used = 0
        for at in range(self._cursor, self._top - 1, -1):
            used += self._height_of(at)
            if used > self.size.height:
                self._top = min(at + 1, self._cursor)
                break
        if not self.wrapped and self._window.ends:
            self._top = max(0, min(self._top, len(self._window.lines) - self.size.height))

    def on_resize(self, _: object) -> None:
        """Draw for the new size, and ask for the lines that it has room for."""
        self._scroll_to_cursor()
        self.redraw_all()
        self.post_message(self.Wanted())

    def on_focus(self) -> None:
        """Show the cursor."""
        self.redraw()

    def on_blur(self) -> None:
        """Show that keys go elsewhere."""
        self.redraw()

    def toggle_wrap(self) -> None:
        """Break long lines, or not."""
        self.wrapped = not self.wrapped
        self._scroll_to_cursor()
        self.redraw()

    def _move(self, rows: int) -> None:
        if not self._window.lines:
            return
        self._cursor = max(0, min(self._cursor + rows, len(self._window.lines) - 1))
        self._scroll_to_cursor()
        self.redraw()
        self.post_message(self.Scrolled())
        height = self.size.height
        near_begin = self._top < height and not self._window.begins
        near_end = self._top + 2 * height > len(self._window.lines) and not self._window.ends
        if near_begin or near_end:
            self.post_message(self.Wanted())

    def action_up(self) -> None:
        """Move one line up."""
        self._move(-1)

    def action_down(self) -> None:
        """Move one line down."""
        self._move(1)

    def action_page_up(self) -> None:
        """Move a page up."""
        self._move(2 - self.size.height)

    def action_page_down(self) -> None:
        """Move a page down."""
        self._move(self.size.height - 2)

    def action_top(self) -> None:
        """Leave it to the screen, which can read the beginning."""
        self.screen.action_to_begin()  # type: ignore[attr-defined]

    def action_bottom(self) -> None:
        """Leave it to the screen, which can read the end."""
        self.screen.action_to_end()  # type: ignore[attr-defined]
