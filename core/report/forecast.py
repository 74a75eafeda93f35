"""What a task will come to, from the task alone: for screens, which know no search.

Reads the model's own files, where the task names some; starts nothing.
"""

from core.engines.registry import ENGINES
from core.errors import AutotunerError
from core.report.experience import experience_of
from core.report.plan import Plan, plan_of
from core.search.of_task import space_of
from core.store import Viewer
from core.task import Task


async def forecast(task: Task, viewer: Viewer | None = None) -> Plan | str:
    """Return the plan of the task, or why there is none, in a line.

    Args:
        viewer: where earlier runs tell how long things take; None: nowhere.
    """
    engine = ENGINES.get(task.base_runtime)
    if engine is None:
        return f"there is no engine {task.base_runtime}"
    if not task.parameters:
        return "there is nothing to tune yet"
    try:
        experience = (
            await experience_of(viewer, engine.name, task.model.id_or_path) if viewer else None
        )
        return plan_of(task, engine, space_of(task, engine), experience)
    except AutotunerError as error:
        return str(error).splitlines()[0]
