"""What is shown where there is no room for anything else."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.screen import ModalScreen

from tui.spans import Line, Span, wrap
from tui.widgets.canvas import Canvas

LEAST_WIDTH, LEAST_HEIGHT = 60, 15


def is_too_small(width: int, height: int) -> bool:
    """Return whether a terminal of that size has too little room."""
    return width < LEAST_WIDTH or height < LEAST_HEIGHT


class TooSmall(ModalScreen[None]):
    """Says how much room is needed; it goes by itself."""

    def compose(self) -> ComposeResult:
        """Fill the terminal."""
        yield _Message()


class _Message(Canvas):
    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002
        text = f"autotuner needs {LEAST_WIDTH} × {LEAST_HEIGHT} characters; q quits, runs go on"
        return wrap(text, width) or [(Span(text),)]
