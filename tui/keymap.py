"""Every key of the app, in one place.

From here come the bindings, the hints at the bottom of each screen, the help, the palette and the
table in the README (`python -m tui.keymap` prints it), so that none of them can be out of date.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """Where a key works."""

    EVERYWHERE = "everywhere"
    LIST = "lists"
    PAGE = "pages"
    TASKS = "tasks"
    TASK = "task"
    EXPERIMENT = "experiment"
    LOG = "log"
    CHART = "chart"
    COMPARE = "compare"
    FORM = "new task"
    GPUS = "GPUs"
    PROCESSES = "processes"
    REPORT = "report"
    SETTINGS = "settings"


@dataclass(frozen=True)
class Key:
    """One thing to do, and the keys that do it."""

    action: str
    """Name of the method that does it, without `action_`, with its arguments."""
    keys: tuple[str, ...]
    """As they are shown; the first is the one to learn."""
    label: str
    """Two or three words for the hints."""
    help: str
    """One sentence."""
    hint: bool = True
    """Whether it is worth a place in the hints."""


_S = Scope

KEYS: dict[Scope, tuple[Key, ...]] = {
    _S.EVERYWHERE: (
        Key("help", ("?",), "help", "Shows the keys of this screen."),
        Key("palette", (":", "ctrl+p"), "commands", "Finds a command, a screen or a task by name."),
        Key("back", ("esc",), "back", "Goes back to where you came from.", hint=False),
        Key("leave", ("q", "ctrl+c"), "quit", "Leaves the app; runs go on without it."),
        Key("jump('tasks')", ("1",), "tasks", "Shows all tasks.", hint=False),
        Key("jump('task')", ("2",), "task", "Shows the task that was chosen.", hint=False),
        Key("jump('experiment')", ("3",), "experiment", "Shows one experiment.", hint=False),
        Key("jump('chart')", ("4", "v"), "chart", "Draws metrics against each other.", hint=False),
        Key("jump('compare')", ("5", "c"), "compare", "Compares the marked ones.", hint=False),
        Key("jump('gpus')", ("6",), "GPUs", "Shows every GPU and who uses it.", hint=False),
        Key("jump('processes')", ("7", "P"), "processes", "Shows servers and ports.", hint=False),
        Key("jump('report')", ("8", "R"), "report", "Shows what the task amounts to.", hint=False),
        Key("jump('settings')", ("9",), "settings", "Shows what can be set.", hint=False),
        Key("next_theme", ("T",), "theme", "Takes the next theme.", hint=False),
        Key("mouse", ("M",), "mouse", "Gives the mouse to the app, or back.", hint=False),
        Key("repaint", (), "repaint", "Draws the whole screen anew.", hint=False),
    ),
    _S.LIST: (
        Key("up", ("k", "↑"), "up", "Moves one row up.", hint=False),
        Key("down", ("j", "↓"), "down", "Moves one row down.", hint=False),
        Key("page_up", ("PgUp",), "page up", "Moves a page up.", hint=False),
        Key("page_down", ("PgDn",), "page down", "Moves a page down.", hint=False),
        Key("top", ("g", "Home"), "top", "Moves to the first row.", hint=False),
        Key("bottom", ("G", "End"), "bottom", "Moves to the last row.", hint=False),
        Key("left", ("h", "←"), "left", "Shows columns further left.", hint=False),
        Key("right", ("l", "→"), "right", "Shows columns further right.", hint=False),
        Key("open", ("Enter",), "open", "Opens what is under the cursor.", hint=False),
    ),
    _S.PAGE: (
        Key("up", ("k", "↑"), "up", "Goes one line up.", hint=False),
        Key("down", ("j", "↓"), "down", "Goes one line down.", hint=False),
        Key("page_up", ("PgUp",), "page up", "Goes a page up.", hint=False),
        Key("page_down", ("PgDn",), "page down", "Goes a page down.", hint=False),
        Key("top", ("g", "Home"), "top", "Goes to the beginning.", hint=False),
        Key("bottom", ("G", "End"), "bottom", "Goes to the end.", hint=False),
    ),
    _S.TASKS: (
        Key("new", ("n",), "new", "Starts a new task."),
        Key("run", ("r",), "run", "Starts, resumes or runs the task again."),
        Key("stop", ("x",), "stop", "Stops the run; what it measured is kept."),
        Key("edit", ("e",), "edit", "Opens the task in the form, to run it changed."),
        Key("filter", ("/",), "filter", "Shows only tasks that contain a text."),
        Key("sort", ("s",), "sort", "Chooses the order."),
        Key("reverse", ("S",), "reverse", "Turns the order round.", hint=False),
        Key("duplicate", ("d",), "duplicate", "Opens a copy of it in the form.", hint=False),
        Key(
            "verifications", ("a",), "verify runs", "Shows runs of verify too, or not.", hint=False
        ),
        Key("delete", ("D",), "delete", "Deletes the task and its results."),
        Key("export", ("E",), "export", "Writes it to a JSON, CSV or YAML file."),
        Key("import_file", ("I",), "import", "Opens a task file in the form.", hint=False),
    ),
    _S.TASK: (
        Key("follow", ("f",), "follow", "Keeps the cursor on the newest experiment, or not."),
        Key("mark", ("Space",), "mark", "Marks the experiment for comparing."),
        Key("sort", ("s",), "sort", "Chooses the order."),
        Key("reverse", ("S",), "reverse", "Turns the order round.", hint=False),
        Key("log", ("L",), "log", "Shows the server's log of the experiment."),
        Key("stop", ("x",), "stop", "Stops the run; what it measured is kept."),
        Key("run", ("r",), "run", "Starts, resumes or runs the task again."),
        Key("edit", ("e",), "edit", "Opens the task in the form.", hint=False),
        Key("copy", ("y",), "copy command", "Copies the experiment's launch command."),
        Key("zoom", ("z",), "zoom", "Gives the table all the room, or not.", hint=False),
        Key("export", ("E",), "export", "Writes the task to a file.", hint=False),
    ),
    _S.EXPERIMENT: (
        Key("section(1)", ("Tab", "l", "→"), "next part", "Shows the next part."),
        Key("section(-1)", ("Shift+Tab", "h", "←"), "back", "Shows the part before.", hint=False),
        Key("step(1)", ("]",), "next exp.", "Shows the next experiment."),
        Key("step(-1)", ("[",), "previous exp.", "Shows the experiment before.", hint=False),
        Key("level(1)", (">",), "next level", "Looks at the next load level."),
        Key("level(-1)", ("<",), "level before", "Looks at the load level before.", hint=False),
        Key("latency", ("m",), "metric", "Shows how another latency is spread."),
        Key("log", ("L",), "log", "Shows the server's log."),
        Key("copy", ("y",), "copy command", "Copies the launch command."),
        Key("mark", ("Space",), "mark", "Marks the experiment for comparing."),
    ),
    _S.LOG: (
        Key("follow", ("f",), "follow", "Stays at the end of the log, or not."),
        Key("search", ("/",), "search", "Searches for a text."),
        Key("next_match", ("n",), "next", "Goes to the next match."),
        Key("previous_match", ("N",), "previous", "Goes to the match before."),
        Key("first_error", ("e",), "first error", "Goes to the first line that tells of an error."),
        Key("source", ("Tab",), "which log", "Shows the runner's log, or the server's."),
        Key("wrap", ("w",), "wrap", "Breaks long lines, or not."),
        Key("copy", ("y",), "copy line", "Copies the line under the cursor."),
    ),
    _S.CHART: (
        Key("walk('left')", ("←", "h"), "walk", "Goes to the nearest point on the left."),
        Key("walk('right')", ("→", "l"), "right", "Goes to the nearest point right.", hint=False),
        Key("walk('up')", ("↑", "k"), "up", "Goes to the nearest point above.", hint=False),
        Key("walk('down')", ("↓", "j"), "down", "Goes to the nearest point below.", hint=False),
        Key("open", ("Enter",), "open", "Opens the experiment of the point."),
        Key("axis('x')", ("x",), "X", "Chooses what runs from left to right."),
        Key("axis('y')", ("y",), "Y", "Chooses what runs from bottom to top."),
        Key("colour", ("o",), "colour", "Chooses what colours the points."),
        Key("preset(1)", ("]",), "next view", "Takes the next pair of axes."),
        Key("preset(-1)", ("[",), "view before", "Takes the pair of axes before.", hint=False),
        Key("unit", ("u",), "levels", "Shows load levels, or whole experiments."),
        Key("kind", ("Tab",), "kind", "Scatter, effects of parameters, parallel coordinates."),
        Key("pareto", ("p",), "Pareto", "Draws the Pareto front, or not.", hint=False),
        Key("log_scale", ("g",), "log scale", "Logarithmic axes, or not.", hint=False),
        Key("part('Time')", ("t",), "over time", "Shows the point's course, second by second."),
        Key("part('Server')", ("s",), "server", "Shows what its server counted.", hint=False),
        Key("part('GPUs')", ("d",), "GPUs", "Shows what its GPUs did.", hint=False),
        Key("save", ("w",), "save", "Writes the chart as PNG, SVG, HTML or CSV."),
    ),
    _S.COMPARE: (
        Key("add", ("a",), "add", "Adds an experiment of this or another task."),
        Key("remove", ("x",), "remove", "Takes the column under the cursor away."),
        Key("shift(1)", ("→", "l"), "column", "Moves to the next column."),
        Key("shift(-1)", ("←", "h"), "column before", "Moves to the column before.", hint=False),
        Key("open", ("Enter",), "open", "Opens the experiment of the column."),
        Key("level(1)", (">",), "next level", "Compares at the next load level, or over all."),
        Key("level(-1)", ("<",), "level before", "Compares at the level before.", hint=False),
        Key("first", ("b",), "hold against", "Holds the others against this column."),
        Key("clear", ("u",), "clear", "Takes all marks away."),
        Key("copy", ("y",), "copy command", "Copies the column's launch command."),
    ),
    _S.FORM: (
        Key("change", ("Enter",), "change", "Changes the value under the cursor."),
        Key("run", ("r",), "save and run", "Keeps the task and starts it."),
        Key("keep", ("w",), "save", "Keeps the task for later."),
        Key("add", ("a",), "add", "Adds a parameter, or an SLO."),
        Key("remove", ("x",), "remove", "Takes the parameter or SLO away."),
        Key("preset", ("p",), "preset", "Merges a preset in."),
        Key("editor", ("e",), "$EDITOR", "Opens the YAML in your editor."),
        Key("yaml", ("Tab",), "YAML", "Moves between the form and its YAML."),
        Key("start_over", ("U",), "start over", "Forgets the draft.", hint=False),
    ),
    _S.GPUS: (),
    _S.PROCESSES: (
        Key("stop", ("x",), "stop", "Ends a server of ours, or what is left of one."),
        Key("end_pid", ("K",), "end a PID", "Ends one process by its number, after asking."),
        Key("log", ("L",), "log", "Shows the server's log."),
    ),
    _S.REPORT: (
        Key("copy", ("y",), "copy command", "Copies the recommended launch command."),
        Key("export", ("E",), "export", "Writes the result to a file."),
    ),
    _S.SETTINGS: (Key("change", ("Enter",), "change", "Changes the setting under the cursor."),),
}
"""Every key by the place where it works. Within a scope the most useful come first."""

WIDGET_SCOPES = frozenset({Scope.LIST, Scope.PAGE})
"""Scopes whose keys belong to a widget of a screen, not to the screen."""

_TEXTUAL = {
    "<": "less_than_sign", ">": "greater_than_sign",
    "?": "question_mark", ":": "colon", "/": "slash", "[": "left_square_bracket",
    "]": "right_square_bracket", "esc": "escape", "Enter": "enter", "Space": "space",
    "Tab": "tab", "Shift+Tab": "shift+tab", "PgUp": "pageup", "PgDn": "pagedown",
    "Home": "home", "End": "end", "↑": "up", "↓": "down", "←": "left", "→": "right",
}  # fmt: skip
"""How Textual calls a key, where it does not call it what it is."""


def textual_name(key: str) -> str:
    """Return what Textual calls a key."""
    return _TEXTUAL.get(key, key)


def bindings(scope: Scope) -> Iterator[tuple[str, str, str]]:
    """Yield each key of a scope as Textual has it: keys, action, description."""
    for key in KEYS[scope]:
        if key.keys:
            yield ",".join(map(textual_name, key.keys)), key.action, key.label


def markdown() -> str:
    """Return every key as Markdown tables, one for each scope."""
    parts = []
    for scope, keys in KEYS.items():
        if keys:
            rows = [
                f"| {' '.join(f'`{k}`' for k in key.keys)} | {key.help} |"
                for key in keys
                if key.keys
            ]
            title = scope.value[:1].upper() + scope.value[1:]
            parts.append("\n".join((f"**{title}**\n", "| key | |", "|---|---|", *rows)))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")  # noqa: T201
