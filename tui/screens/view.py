"""What the numbered screens have in common: a frame, keys by scope, and questions to the store."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widget import Widget

from tui.keymap import WIDGET_SCOPES, Scope, bindings
from tui.spans import EMPTY, Line, Span, line
from tui.widgets.canvas import Canvas
from tui.widgets.frame import Hints, Title

if TYPE_CHECKING:
    from tui.app import Autotuner


Source: TypeAlias = Literal["store", "history", "machine", "files"]
"""Where an answer is found: a few rows of the store, or a whole history in it. Each has a thread of
its own, so that a driver which hangs holds up no log, and a long history no list."""


@dataclass(frozen=True)
class Question:
    """What a screen wants to know, and what it does with the answer."""

    read: Callable[[Any], Awaitable[Any]]
    """Is given an open `Viewer` if the store or a history is asked for, else None."""
    show: Callable[[Any], None]
    of: Source = "store"


class View(Screen[None]):
    """One of the numbered screens."""

    NAME: ClassVar[str]
    """As `tui.registry` has it."""
    SCOPES: ClassVar[tuple[Scope, ...]] = ()
    """Whose keys work here, beside those that work everywhere."""

    BINDINGS: ClassVar[list[BindingType]] = []
    BLANK = True
    """The parts cover it, so its own lines need not be made."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        cls.BINDINGS = [
            b for scope in cls.SCOPES for b in bindings(scope) if scope not in WIDGET_SCOPES
        ]
        super().__init_subclass__(**kwargs)

    def __init__(self) -> None:
        super().__init__()
        # Made before they are composed: something may be said to a screen that is just coming.
        self.title_line = Title()
        self.hints = Hints((*self.SCOPES, Scope.EVERYWHERE), self.NAME)

    @property
    def autotuner(self) -> "Autotuner":
        """The app."""
        return cast("Autotuner", self.app)

    def compose(self) -> ComposeResult:
        """Put the frame around the body."""
        yield self.title_line
        yield self.hints
        yield from self.body()

    def body(self) -> Sequence[Widget]:
        """Return what is between title and hints."""
        return ()

    def questions(self) -> Sequence[Question]:
        """Return what to ask, at once and whenever there may be something new."""
        return ()

    def heading(self) -> Line:
        """Return what stands on the left of the title."""
        return EMPTY

    def arrive(self) -> None:
        """Get ready to be looked at, perhaps for another task than last time."""

    def aim(self) -> None:
        """Have the other screens be about what is under the cursor."""

    def tick(self) -> None:
        """Do what has to be done every second: running clocks."""

    def ask(self) -> None:
        """Ask the questions anew: they are others than before."""
        if self.is_current:
            self.autotuner.ask(self.questions())

    def on_screen_resume(self) -> None:
        """Begin to follow what this screen shows."""
        self.arrive()
        self.ask()
        self.retitle()

    @property
    def told_of(self) -> int | None:
        """Id of the task whose state the title says anyway."""
        return None

    def retitle(self) -> None:
        """Draw the title anew."""
        app = self.autotuner
        if app.trouble:
            right = line(Span(f"! {app.trouble}", "warn"))
        elif others := [task for task in app.running if task.id != self.told_of]:
            also = "also " if len(others) < len(app.running) else ""
            right = line(Span("▶ ", "run"), Span(f"{len(others)} {also}running", "muted"))
        else:
            right = EMPTY
        self.title_line.show(self.heading(), right)

    def redraw(self) -> None:
        """Draw every part anew, in other colours perhaps."""
        for canvas in self.query(Canvas):
            canvas.redraw_all()
