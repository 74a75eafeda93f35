"""What a task will come to, from the task alone: for screens, which know no search.

Reads presets and the model's own files, where the task names some; starts nothing.
"""

from core.engines.checking import mistakes_of
from core.engines.engine import GpuFacts
from core.engines.registry import explain_unknown
from core.engines.resolving import engine_called, settle
from core.errors import AutotunerError
from core.report.experience import experience_of
from core.report.plan import Plan, plan_of
from core.search.of_task import space_of
from core.store import Viewer
from core.task import Task, dotted


async def forecast(
    task: Task, viewer: Viewer | None = None, gpus: GpuFacts | None = None
) -> Plan | str:
    """Return the plan of the task, or why there is none, in a line.

    Args:
        task: as it is in its file.
        viewer: where earlier runs tell how long things take; None: nowhere.
        gpus: what servers may get; None where that is not known.
    """
    engine = engine_called(task.base_runtime)
    if engine is None:
        return explain_unknown(task.base_runtime)
    try:
        facts = engine.facts(task)
        settled = settle(task, engine, facts, gpus)
        task = settled.task
        if not task.parameters and not settled.mistakes:
            return "there is nothing to tune yet"
        for path, mistake in (*settled.mistakes, *mistakes_of(task, engine)):
            return f"{dotted(path)}: {mistake}"
        experience = (
            await experience_of(viewer, engine.name, task.model.id_or_path) if viewer else None
        )
        return plan_of(task, engine, space_of(task, engine, facts, gpus), experience, gpus)
    except AutotunerError as error:
        return str(error).splitlines()[0]
