"""A table over a window of a long list: it holds what is near the screen and asks for the rest.

Ten thousand rows cost what forty do. The cursor stays on its row when the order changes under it,
so nobody opens or ends what they did not aim at.
"""

from collections.abc import Callable, Container, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from rich.cells import cell_len
from textual.binding import BindingType
from textual.message import Message

from tui.columns import GAP, Column, Place, folded, hidden, lay_out, narrowest
from tui.keymap import Scope, bindings
from tui.spans import (
    EMPTY,
    Line,
    Span,
    between,
    fit,
    joined,
    length,
    line,
    plain,
    restyle,
    wrap,
)
from tui.widgets.canvas import Canvas

T = TypeVar("T")

_EDGE = 2
"""Cells on the left of each row: the cursor and the mark."""

_NOTE = 2
"""Cells on the right of the header that say that there are more columns."""


@dataclass(frozen=True)
class Window(Generic[T]):
    """Some rows of a list."""

    offset: int = 0
    """Position of the first of them in the list."""
    rows: tuple[T, ...] = ()
    total: int = 0
    """How long the list is."""

    def row(self, index: int) -> T | None:
        """Return the row at a position of the list; None if it is not among these."""
        at = index - self.offset
        return self.rows[at] if 0 <= at < len(self.rows) else None


@dataclass(frozen=True)
class Order:
    """What a list is sorted by."""

    by: str
    descending: bool


class Table(Canvas, Generic[T], can_focus=True):
    """Rows, columns and a cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.LIST)]

    class Opened(Message):
        """Enter was pressed on a row."""

    class Moved(Message):
        """The cursor is on another row, or its row has changed."""

    class Wanted(Message):
        """Other rows are needed than those at hand: see `Table.wanted`."""

    def __init__(
        self,
        key: Callable[[T], Hashable],
        *,
        empty: Sequence[Line] = (),
        numbered: bool = True,
        id: str | None = None,  # noqa: A002  Textual calls it so
    ) -> None:
        """Make an empty table.

        Args:
            key: what tells one row from all others, wherever it stands.
            empty: what to say while there are no rows.
            numbered: whether to say which rows are on the screen when not all of them are.
        """
        super().__init__(id=id)
        self._key = key
        self.empty = empty
        self._numbered = numbered
        self.columns: Sequence[Column[T]] = ()
        self.order: Order | None = None
        self.marked: Container[Hashable] = ()
        self.following = False
        """Whether the cursor stays on the last row."""
        self.cursor = 0
        self._window: Window[T] = Window()
        self._loaded = False
        self._top = 0
        self._skip = 0
        self._natural: dict[str, int] = {}

    @property
    def current(self) -> T | None:
        """The row under the cursor; None while there is none, or it is not at hand yet."""
        return self._window.row(self.cursor)

    @property
    def total(self) -> int:
        """How many rows the whole list has."""
        return self._window.total

    @property
    def wanted(self) -> tuple[int, int]:
        """Offset and number of the rows that ought to be at hand: the screen, and one around it."""
        height = max(1, self._visible_rows)
        if self.following:
            return max(0, self._window.total - 2 * height), 4 * height
        return max(0, self._top - height), 3 * height

    def show(self, window: Window[T], columns: Sequence[Column[T]] | None = None) -> None:
        """Take in rows, and draw them."""
        if columns is not None and list(columns) != list(self.columns):
            self.columns = columns
        before, known = self.current, self._window
        self._window, self._loaded = window, True
        if self.following:
            self.cursor = max(0, window.total - 1)
        elif before is not None:
            self._stay_on(self._key(before))
        self.cursor = max(0, min(self.cursor, window.total - 1))
        self._scroll_to_cursor()
        self._measure(
            [row for at, row in enumerate(window.rows, window.offset) if row != known.row(at)]
        )
        self.redraw()
        self.post_message(self.Moved())
        self._ask()

    def reset(self) -> None:
        """Forget everything: another list is coming."""
        self._window, self._loaded = Window(), False
        self.cursor = self._top = self._skip = 0
        self._natural.clear()
        self.redraw()

    def select(self, index: int) -> None:
        """Put the cursor on a row by its position in the list."""
        self._move_to(index)

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the header and the visible rows."""
        if not self._window.total:
            return [r for row in self.empty for r in _fitting(row, width)] if self._loaded else []
        places = self._places(width)
        header = self._header(places, width)
        visible = range(self._top, min(self._top + height - len(header), self._window.total))
        return [*header, *(self._row(index, places, width) for index in visible)]

    def on_resize(self, _: object) -> None:
        """Draw for the new size, and ask for the rows that it has room for."""
        self._scroll_to_cursor()
        self.redraw_all()
        self._ask()

    # Drawing

    @property
    def _header_height(self) -> int:
        return 2 if any(_is_folded(column, self._natural) for column in self.columns) else 1

    @property
    def _visible_rows(self) -> int:
        return max(0, self.size.height - self._header_height)

    def _places(self, width: int) -> list[Place]:
        natural = [self._natural.get(c.title, narrowest(c.title)) for c in self.columns]
        places = lay_out(self.columns, natural, width - _EDGE, self._skip)
        if not hidden(self.columns, places):
            return places
        return lay_out(self.columns, natural, width - _EDGE - _NOTE, self._skip)

    def _header(self, places: Sequence[Place], width: int) -> list[Line]:
        upper: list[Line] = []
        lower: list[Line] = []
        for place in places:
            column = self.columns[place.index]
            title = column.title + self._arrow(column)
            for row, text in zip((upper, lower), folded(title, place.width), strict=True):
                cell = fit((Span(text, "heading"),), place.width, column.align)
                ends_here = place is places[-1] and column.align == "left"
                row.append(
                    line(Span(text, "heading")) if ends_here else cell
                )  # leaves room for a note
        more = hidden(self.columns, places)
        note = f"+{more} →" if more else ""
        if self._numbered and self._window.total > self._visible_rows:
            last = min(self._top + self._visible_rows, self._window.total)
            note = f"{self._top + 1:,}–{last:,} of {self._window.total:,}  {note}".rstrip()
        rows = [line(" " * _EDGE, joined(row, " " * GAP)) for row in (upper, lower)]
        rows = rows[-self._header_height :]
        if length(rows[0]) + len(note) >= width and more:
            note = "→"  # it must not hide a title
        if length(rows[0]) + len(note) < width or self._header_height == 2:
            rows[0] = between(rows[0], line(Span(note, "muted")), width)
        return rows

    def _arrow(self, column: Column[T]) -> str:
        if self.order is None or column.sort != self.order.by:
            return ""
        return "↓" if self.order.descending else "↑"

    def _row(self, index: int, places: Sequence[Place], width: int) -> Line:
        row = self._window.row(index)
        here = index == self.cursor
        mark = "▪" if row is not None and self._key(row) in self.marked else " "
        edge = line(Span("▸" if here else " ", "key"), Span(mark, "best"))
        cells = [Span("…", "muted")] if row is None else joined(self._cells(row, places), " " * GAP)
        whole = fit((*edge, *cells), width)
        return restyle(whole, "cursor") if here and self.has_focus else whole

    def _cells(self, row: T, places: Sequence[Place]) -> Iterator[Line]:
        for place in places:
            column = self.columns[place.index]
            yield fit(column.cell(row), place.width, column.align)

    def _measure(self, rows: Sequence[T]) -> None:
        """Widen columns to the contents of new rows; they never shrink, so that nothing jumps."""
        for column in self.columns:
            longest = max((length(column.cell(row)) for row in rows), default=0)
            least = max(narrowest(column.title), cell_len(self._arrow(column)))
            before = self._natural.get(column.title, least)
            self._natural[column.title] = max(before, min(longest, column.most))

    # Moving

    def _stay_on(self, key: Hashable) -> None:
        for at, row in enumerate(self._window.rows):
            if self._key(row) == key:
                self.cursor = self._window.offset + at
                return

    def _scroll_to_cursor(self) -> None:
        height = max(1, self._visible_rows)
        self._top = min(self._top, self.cursor)
        self._top = max(self._top, self.cursor - height + 1)
        self._top = max(0, min(self._top, self._window.total - height))

    def _ask(self) -> None:
        offset, count = self._window.offset, len(self._window.rows)
        last = min(self._top + self._visible_rows, self._window.total)
        if self._top < offset or last > offset + count:
            self.post_message(self.Wanted())

    def _move_to(self, index: int) -> None:
        self.cursor = max(0, min(index, self._window.total - 1))
        if self.cursor < self._window.total - 1:
            self.following = False
        self._scroll_to_cursor()
        self.redraw()
        self.post_message(self.Moved())
        self._ask()

    def on_focus(self) -> None:
        """Show the cursor."""
        self.redraw()

    def on_blur(self) -> None:
        """Show that keys go elsewhere."""
        self.redraw()

    def action_up(self) -> None:
        """Move one row up."""
        self._move_to(self.cursor - 1)

    def action_down(self) -> None:
        """Move one row down."""
        self._move_to(self.cursor + 1)

    def action_page_up(self) -> None:
        """Move a page up."""
        self._move_to(self.cursor - max(1, self._visible_rows - 1))

    def action_page_down(self) -> None:
        """Move a page down."""
        self._move_to(self.cursor + max(1, self._visible_rows - 1))

    def action_top(self) -> None:
        """Move to the first row."""
        self._move_to(0)

    def action_bottom(self) -> None:
        """Move to the last row."""
        self._move_to(self._window.total - 1)

    def action_left(self) -> None:
        """Show columns further left."""
        self._skip = max(0, self._skip - 1)
        self.redraw()

    def action_right(self) -> None:
        """Show columns further right, as long as there are any that do not fit."""
        if len(self._places(self.size.width)) < len(self.columns):
            others = sum(column.rank > 0 for column in self.columns)
            self._skip = min(self._skip + 1, others - 1)
            self.redraw()

    def action_open(self) -> None:
        """Say that the row under the cursor is to be opened."""
        if self.current is not None:
            self.post_message(self.Opened())


def _is_folded(column: Column[T], natural: dict[str, int]) -> bool:
    return cell_len(column.title) > natural.get(column.title, narrowest(column.title))


def _fitting(row: Line, width: int) -> list[Line]:
    """Return a line of an empty screen as lines of at most `width` cells."""
    if length(row) <= width:
        return [row]
    return wrap(plain(row).strip(), width, row[-1].style, indent=2)


def empty_lines(title: str, *more: str) -> list[Line]:
    """Return what an empty screen says, a little away from the edge."""
    return [EMPTY, line("  ", Span(title, "title")), *(line("  ", text) for text in more)]
