"""Asking for a yes, or for a text.

The less destructive answer is always the easy one: only `y` says yes, and what is irreversible has
to be typed.
"""

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import Input

from core.report.characters import one_line
from tui.dialogs.dialog import Dialog, Entry, Lines
from tui.spans import EMPTY, Line, Span, line, wrap

Check = Callable[[str], str]
"""Returns what is wrong with a text, or an empty text."""

_WIDTH = 70


class Confirm(Dialog[bool]):
    """Asks for a yes; returns True for it, and None or False for anything else."""

    BINDINGS = [  # noqa: RUF012
        Binding("y", "yes", "yes"),
        Binding("n", "no", "no"),
        Binding("enter", "no", "no"),
    ]

    def __init__(self, question: str, details: Sequence[str] = (), *, yes: str = "yes") -> None:
        """Describe the question.

        Args:
            details: what has to be known to answer it; a line each, longer ones are broken.
            yes: what `y` does, in a word or two.
        """
        super().__init__()
        self._question = question
        self._details = details
        self._yes = yes

    def compose(self) -> ComposeResult:
        """Put the question, the details and the answers under one another."""
        with Vertical():
            yield Lines(
                [
                    *wrap(self._question, _WIDTH, "title"),
                    *(row for detail in self._details for row in wrap(detail, _WIDTH)),
                    EMPTY,
                    line(
                        Span("y", "key"),
                        f" {self._yes}    ",
                        Span("n", "key"),
                        Span(" or "),
                        Span("Enter", "key"),
                        " no",
                    ),
                ]
            )

    def action_yes(self) -> None:
        """Answer yes."""
        self.dismiss(result=True)

    def action_no(self) -> None:
        """Answer no."""
        self.dismiss(result=False)


_PAUSE = 0.03
"""Seconds without a key after which a text is judged."""


class Ask(Dialog[str]):
    """Asks for a text, and says what is wrong with it while it is typed; returns it."""

    def __init__(
        self,
        title: str,
        value: str = "",
        *,
        details: Sequence[str] = (),
        check: Check = lambda _: "",
        placeholder: str = "",
    ) -> None:
        """Describe what to ask for.

        Args:
            value: what stands there at first.
            details: what helps to answer; longer lines are broken.
            check: a text it finds wrong cannot be entered.
        """
        super().__init__()
        self._title = title
        self._details = details
        self._check = check
        self._entry = Entry(value, placeholder)
        self._below = Lines([EMPTY])
        self._judging: Timer | None = None

    def compose(self) -> ComposeResult:
        """Put title, entry, what is wrong, and the details under one another."""
        with Vertical():
            yield Lines([line(Span(self._title, "title"))])
            yield self._entry
            yield self._below
            yield Lines([row for text in self._details for row in wrap(text, _WIDTH, "muted")])

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is wrong, once no more keys come: a long text may come key by key."""
        event.stop()
        if self._judging is not None:
            self._judging.stop()
        self._judging = self.set_timer(_PAUSE, self._judge)

    def _judge(self) -> None:
        self._below.show(self._judgement(self._entry.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return the text if nothing is wrong with it."""
        event.stop()
        if not self._check(event.value):
            self.dismiss(event.value)

    def _judgement(self, text: str) -> list[Line]:
        wrong = self._check(text)
        if not wrong:
            return [line(Span("✓ Enter takes it", "muted"))]
        return wrap(f"✗ {one_line(wrong)}", _WIDTH, "bad", most=3)
