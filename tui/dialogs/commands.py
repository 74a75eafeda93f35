"""What the palette offers: what this screen can do, the screens, and the newest tasks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.dialogs.picker import Choice
from tui.keymap import KEYS, WIDGET_SCOPES, Scope

if TYPE_CHECKING:
    from core.store import TaskSummary


def command_choices(scopes: Sequence[Scope], tasks: "Sequence[TaskSummary]") -> list[Choice[str]]:
    """Return every command: the value is an action, or `task:` with an id."""
    offered = [scope for scope in (*scopes, Scope.EVERYWHERE) if scope not in WIDGET_SCOPES]
    commands = [
        Choice(key.action, key.help.rstrip("."), key.keys[0] if key.keys else "")
        for scope in offered
        for key in KEYS[scope]
        if key.action != "palette"
    ]
    return commands + [
        Choice(f"task:{task.id}", f"Shows {task.ref}", task.state.value) for task in tasks
    ]
