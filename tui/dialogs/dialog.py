"""The box that every dialog is in."""

from collections.abc import Sequence
from typing import TypeVar

from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.spans import Line, crop
from tui.widgets.canvas import Canvas
from tui.widgets.prompt_keys import PromptKeys

R = TypeVar("R")


class Dialog(ModalScreen[R | None]):
    """A box in the middle; esc closes it without an answer."""

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 0%; }
    Dialog > Vertical {
        width: 76; max-width: 100%; height: auto; max-height: 100%;
        border: round $accent; background: $background; padding: 0 1;
    }
    Dialog Lines { height: auto; }
    """

    BINDINGS = [Binding("escape", "close", "close", priority=True)]  # noqa: RUF012

    def action_close(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


class Lines(Canvas):
    """Some lines, as high as there are lines."""

    def __init__(self, content: Sequence[Line] = (), *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._content = list(content)
        self.styles.height = len(self._content)

    def show(self, content: Sequence[Line]) -> None:
        """Take in other lines."""
        if len(content) != len(self._content):
            self.styles.height = len(content)
        self._content = list(content)
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002
        """Return the lines."""
        return [crop(row, width) for row in self._content]


class Entry(PromptKeys, Input):
    """A line to type into, whose cursor does not blink: blinking is traffic on an idle line."""

    DEFAULT_CSS = """
    Entry, Entry:focus {
        border: none; height: 1; padding: 0; background: $panel; width: 1fr;
    }
    """

    def __init__(self, value: str = "", placeholder: str = "") -> None:
        super().__init__(value, placeholder, select_on_focus=False)
        self.cursor_blink = False
