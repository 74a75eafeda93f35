"""What can be set, and where things are kept."""

import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.containers import Vertical
from textual.widget import Widget

from core.store import database, home
from tui.columns import Column
from tui.dialogs.asking import Ask
from tui.dialogs.picker import Choice, Picker
from tui.keymap import Scope
from tui.screens.view import View
from tui.settings import CHOICES, LEAST_REFRESH, MOST_REFRESH, Settings
from tui.spans import EMPTY, Line, Span, crop, line
from tui.widgets.canvas import Canvas
from tui.widgets.table import Table, Window


@dataclass(frozen=True)
class Setting:
    """One thing that can be set."""

    name: str
    title: str
    value: str
    help: str


def settings_rows(settings: Settings) -> tuple[Setting, ...]:
    """Return everything that can be set, as it is set."""
    price = settings.gpu_hour_price
    return (
        Setting("theme", "theme", settings.theme, "auto: light where the terminal says it is"),
        Setting("characters", "characters", settings.characters, "ascii for old terminals"),
        Setting("refresh", "refresh", f"{settings.refresh:g} s", "between two looks at a run"),
        Setting("mouse", "mouse", _switch(settings.mouse), "off: the terminal selects text"),
        Setting("notify", "when a run ends", settings.notify, "bell, desktop message, or both"),
        Setting(
            "gpu_hour_price",
            "price of a GPU hour",
            f"{price:g}" if price else "not set",
            "in your currency; costs are shown with it",
        ),
    )


class SettingsView(View):
    """The list of settings."""

    NAME = "settings"
    SCOPES = (Scope.SETTINGS, Scope.LIST)

    def body(self) -> Sequence[Widget]:
        """Return the table, and the paths below it."""
        self._table: Table[Setting] = Table(lambda row: row.name, id="settings")
        return [Vertical(self._table, Paths())]

    def on_mount(self) -> None:
        """Choose the columns, and take the keys."""
        self._table.columns = (
            Column("setting", lambda s: line(s.title), rank=0, most=24),
            Column("value", lambda s: line(Span(s.value, "accent")), rank=0, most=24),
            Column("", lambda s: line(Span(s.help, "muted")), rank=2, most=60, stretch=True),
        )
        self._table.focus()

    def heading(self) -> Line:
        """Return the version."""
        version = importlib.metadata.version("inference-autotuner")
        return line(Span("Settings", "title"), Span(f"  autotuner {version}", "muted"))

    def arrive(self) -> None:
        """Show the values as they are now."""
        rows = settings_rows(self.autotuner.settings)
        self._table.show(Window(0, rows, len(rows)))

    def on_table_opened(self) -> None:
        """Change what is under the cursor."""
        self.action_change()

    def action_change(self) -> None:
        """Ask for another value of the setting under the cursor."""
        row = self._table.current
        if row is None:
            return
        settings = self.autotuner.settings
        if row.name == "mouse":
            self._set("mouse", not settings.mouse)
        elif row.name in CHOICES:
            choices = [Choice(value, value) for value in CHOICES[row.name]]
            self.app.push_screen(
                Picker(row.title, choices, current=getattr(settings, row.name)),
                lambda value: self._set(row.name, value) if value is not None else None,
            )
        else:
            check = _check_refresh if row.name == "refresh" else _check_price
            self.app.push_screen(
                Ask(row.title, f"{getattr(settings, row.name):g}", details=[row.help], check=check),
                lambda text: self._set(row.name, float(text)) if text else None,
            )

    def _set(self, name: str, value: object) -> None:
        self.autotuner.set(**{name: value})
        self.arrive()


class Paths(Canvas):
    """Where things are kept."""

    DEFAULT_CSS = "Paths { height: 7; }"

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002
        """Return a line for each place."""
        places = {
            "store": database(),
            "server logs": home() / "logs",
            "runner logs": home() / "runners",
            "these settings": home() / "settings.json",
        }
        return [
            line(Span("─" * width, "muted")),
            line(" ", Span("Where things are kept", "title"), "  AUTOTUNER_HOME moves them all"),
            *(
                crop(line(" ", Span(f"{title:<16}", "muted"), str(path)), width)
                for title, path in places.items()
            ),
            EMPTY,
        ]


def _switch(on: bool) -> str:
    return "on" if on else "off"


def _number_between(low: float, high: float, unit: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            number = float(text)
        except ValueError:
            return "a number is needed"
        return "" if low <= number <= high else f"from {low:g} to {high:g}{unit}"

    return check


_check_refresh = _number_between(LEAST_REFRESH, MOST_REFRESH, " seconds")
_check_price = _number_between(0.0, 1e6, "")
