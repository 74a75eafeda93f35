"""A list to choose from: type to narrow it down, Enter takes what is under the cursor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input

from tui.dialogs.dialog import Dialog, Entry, Lines
from tui.spans import Line, Span, between, crop, length, line, restyle
from tui.widgets.canvas import Canvas

T = TypeVar("T")

_MOST_ROWS = 14


@dataclass(frozen=True)
class Choice(Generic[T]):
    """One thing to choose."""

    value: T
    title: str
    note: str = ""
    """What is said of it, on the right."""


def matching(choices: Sequence[Choice[T]], typed: str) -> list[Choice[T]]:
    """Return the choices that have every typed word in them; those that begin with it first."""
    words = typed.lower().split()
    found = [c for c in choices if all(word in f"{c.title} {c.note}".lower() for word in words)]
    start = typed.lower().strip()
    return sorted(found, key=lambda choice: not choice.title.lower().startswith(start))


class Picker(Dialog[T]):
    """Asks for one of several; returns its value."""

    BINDINGS = [  # noqa: RUF012
        Binding("up", "move(-1)", "up", priority=True),
        Binding("down", "move(1)", "down", priority=True),
        Binding("pageup", "move(-10)", "page up", priority=True),
        Binding("pagedown", "move(10)", "page down", priority=True),
    ]

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice[T]],
        *,
        current: T | None = None,
        note: str = "",
    ) -> None:
        """Describe what to choose from.

        Args:
            current: the value that the cursor stands on at first.
            note: a line below the list.
        """
        super().__init__()
        self._title = title
        self._choices = choices
        self._note = note
        values = [choice.value for choice in choices]
        self._list = _List(choices, values.index(current) if current in values else 0)

    def compose(self) -> ComposeResult:
        """Put title, entry and list under one another."""
        with Vertical():
            yield Lines([line(Span(self._title, "title"))])
            yield Entry(placeholder="type to narrow down")
            self._list.styles.height = min(_MOST_ROWS, max(1, len(self._choices)))
            yield self._list
            if self._note:
                yield Lines([line(Span(self._note, "muted"))])

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list down."""
        event.stop()
        self._list.show(matching(self._choices, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take what is under the cursor."""
        event.stop()
        if self._list.current is not None:
            self.dismiss(self._list.current.value)

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self._list.move(rows)


class _List(Canvas, Generic[T]):
    def __init__(self, choices: Sequence[Choice[T]], cursor: int) -> None:
        super().__init__()
        self._choices: Sequence[Choice[T]] = choices
        self._cursor = cursor

    @property
    def current(self) -> Choice[T] | None:
        return self._choices[self._cursor] if self._choices else None

    def show(self, choices: Sequence[Choice[T]]) -> None:
        if list(choices) != list(self._choices):
            self._choices, self._cursor = choices, 0
            self.redraw()

    def move(self, rows: int) -> None:
        self._cursor = max(0, min(self._cursor + rows, len(self._choices) - 1))
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        if not self._choices:
            return [line(Span("nothing matches", "muted"))]
        top = max(0, min(self._cursor - height // 2, len(self._choices) - height))
        rows = []
        for index, choice in enumerate(self._choices[top : top + height], top):
            here = index == self._cursor
            title = line(Span("▸ " if here else "  ", "key"), choice.title)
            note = crop(line(Span(choice.note, "muted")), max(0, width - length(title) - 2))
            row = between(title, note, width)
            rows.append(restyle(row, "cursor") if here else crop(row, width))
        return rows
