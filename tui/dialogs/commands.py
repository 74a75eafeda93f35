"""What the palette offers: the keys of this screen by name, the screens, and the newest tasks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.dialogs.picker import Choice
from tui.keymap import KEYS, Scope

if TYPE_CHECKING:
    from core.store import TaskSummary


def command_choices(scopes: Sequence[Scope], tasks: "Sequence[TaskSummary]") -> list[Choice[str]]:
    """Return every command: the value is an action, or `task:` with an id."""
    keys = [key for scope in (*scopes, Scope.EVERYWHERE) for key in KEYS[scope]]
    commands = [
        Choice(key.action, key.help.rstrip("."), key.keys[0] if key.keys else "")
        for key in keys
        if key.action not in {"palette"}
    ]
    return commands + [
        Choice(f"task:{task.id}", f"Shows {task.ref}", task.state.value) for task in tasks
    ]
