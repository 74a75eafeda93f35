"""What every screen has: a title at the top, and at the bottom its keys and the screens' names."""

from collections.abc import Sequence

from tui.keymap import KEYS, Key, Scope
from tui.registry import NUMBERED
from tui.spans import EMPTY, Line, Span, between, crop, length, line
from tui.widgets.canvas import Canvas


class Title(Canvas):
    """One line: where one is on the left, what has to be known on the right."""

    DEFAULT_CSS = "Title { height: 1; dock: top; }"

    def __init__(self) -> None:
        super().__init__()
        self._left: Line = EMPTY
        self._right: Line = EMPTY

    def show(self, left: Line, right: Line = EMPTY) -> None:
        """Take in what to say."""
        self._left, self._right = left, right
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002
        """Return the line."""
        return [between(line(" ", self._left), line(self._right, " "), width)]


class Hints(Canvas):
    """Two lines: the keys that work here, and the numbered screens."""

    DEFAULT_CSS = "Hints { height: 2; dock: bottom; }"

    def __init__(self, scopes: Sequence[Scope], current: str | None) -> None:
        """Say which keys work, and which of the screens this is."""
        super().__init__()
        self._keys = [key for scope in scopes for key in KEYS[scope] if key.hint]
        self._current = current
        self._said: Line = EMPTY

    def say(self, what: Line) -> None:
        """Show a message in place of the keys, until the next one."""
        self._said = what
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002
        """Return both lines."""
        first = crop(line(" ", self._said), width) if self._said else self._hints(width)
        return [first, self._screens(width)]

    def _hints(self, width: int) -> Line:
        help_and_quit = _hints_of([k for k in self._keys if k.action in _LAST])
        room = width - length(help_and_quit) - 1
        shown = EMPTY
        for key in self._keys:
            more = (*shown, *_hints_of([key]))
            if key.action not in _LAST and length(more) <= room:
                shown = more
        return between(shown, help_and_quit, width)

    def _screens(self, width: int) -> Line:
        for short in (False, True):
            spans: list[Span] = []
            for entry in NUMBERED:
                text = entry.short or entry.title if short else entry.title
                if entry.name == self._current:
                    spans += [Span("▸", "key"), Span(f"{entry.number} {text}", "current")]
                else:
                    spans += [Span(f" {entry.number} ", "key"), Span(text, "muted")]
            if length(tuple(spans)) <= width:
                break
        return crop(tuple(spans), width)


_LAST = {"help", "leave", "palette"}
"""What is always shown, on the right."""


def _hints_of(keys: Sequence[Key]) -> Line:
    return line(
        *(part for key in keys for part in (Span(f" {key.keys[0]}", "key"), Span(f" {key.label} ")))
    )
