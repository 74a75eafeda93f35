"""The first frame: drawn at once, while everything else is still being loaded."""

from collections.abc import Sequence

from textual.events import Key
from textual.widget import Widget

from tui.keymap import Scope
from tui.screens.view import View
from tui.spans import Line, Span, line
from tui.widgets.canvas import Canvas


class Opening(View):
    """The frame of the list of tasks, with nothing in it."""

    NAME = "tasks"
    SCOPES = (Scope.TASKS,)

    def __init__(self) -> None:
        super().__init__()
        self.held: list[str] = []
        """Keys that were pressed already, for the list of tasks."""

    def body(self) -> Sequence[Widget]:
        """Return a line that says what is being done."""
        return [_Reading()]

    def heading(self) -> Line:
        """Return the name of the program."""
        return line(Span("autotuner", "title"))

    def on_key(self, event: Key) -> None:
        """Hold a key that the hints offer until there is something that it can be done with."""
        if event.key in self._bindings.key_to_bindings:
            self.held.append(event.key)

    def on_screen_resume(self) -> None:
        """Follow nothing yet."""
        self.retitle()


class _Reading(Canvas):
    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002
        return [(), line("  ", Span("Reading the store …", "muted"))]
