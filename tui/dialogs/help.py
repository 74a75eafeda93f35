"""The keys that work on a screen, as the registry has them."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical

from tui.dialogs.dialog import Dialog, Lines
from tui.keymap import KEYS, Scope
from tui.spans import EMPTY, Line, Span, fit, line
from tui.widgets.canvas import Canvas


class Help(Dialog[None]):
    """Lists the keys of some scopes."""

    BINDINGS = [  # noqa: RUF012
        Binding("up,k", "scroll_by(-1)", "up"),
        Binding("down,j", "scroll_by(1)", "down"),
        Binding("pageup", "scroll_by(-10)", "page up"),
        Binding("pagedown,space", "scroll_by(10)", "page down"),
        Binding("question_mark,q,enter", "close", "close"),
    ]

    def __init__(self, scopes: Sequence[Scope]) -> None:
        super().__init__()
        self._page = _Page(_rows(scopes))

    def compose(self) -> ComposeResult:
        """Put title and list under one another."""
        with Vertical():
            yield Lines([line(Span("Keys", "title"), Span("   ↑ ↓ scroll, esc closes", "muted"))])
            yield self._page

    def action_scroll_by(self, rows: int) -> None:
        """Show other rows."""
        self._page.move(rows)


class _Page(Canvas):
    def __init__(self, rows: Sequence[Line]) -> None:
        super().__init__()
        self._rows = rows
        self._top = 0
        self.styles.height = min(len(rows), 18)

    def move(self, rows: int) -> None:
        self._top = max(0, min(self._top + rows, len(self._rows) - self.size.height))
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002
        return self._rows[self._top : self._top + height]


def _rows(scopes: Sequence[Scope]) -> list[Line]:
    rows: list[Line] = []
    for scope in scopes:
        rows += [EMPTY, line(Span(scope.value, "heading"))] if KEYS[scope] else []
        for key in KEYS[scope]:
            if key.keys:
                names = fit(line(Span(" ".join(key.keys), "key")), 14)
                rows.append(line("  ", names, key.help))
    return rows
