"""What every screen knows: which runs go on, and the newest tasks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from core.store import TaskSummary, Viewer

    Standing: TypeAlias = tuple[Sequence[TaskSummary], Sequence[TaskSummary]]


async def read_standing(viewer: "Viewer") -> "Standing":
    """Return the tasks that run, with a living runner, and the newest ones."""
    from core.store import TaskState

    newest = (await viewer.tasks(limit=30)).rows
    running = (await viewer.tasks("running", limit=30)).rows
    return tuple(task for task in running if task.state is TaskState.RUNNING), newest
