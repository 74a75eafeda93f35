"""What a task will come to, from its file alone: for screens, which know no search.

Starts nothing; reads what the file names, and what earlier runs took.
"""

from dataclasses import dataclass

from core.engines.engine import GpuFacts
from core.engines.resolving import engine_of
from core.errors import HostError, StoreError, TaskError
from core.report.experience import experience_of
from core.report.plan import Plan, plan_of
from core.report.preflight import Prepared, prepare
from core.store import Viewer
from core.task import Reading


@dataclass(frozen=True)
class Forecast:
    """A task as it would be run, or what keeps it from being run."""

    prepared: Prepared | None
    plan: Plan | None
    problems: tuple[str, ...] = ()
    """What is wrong with the task, a line each."""


async def forecast(
    reading: Reading, viewer: Viewer | None = None, gpus: GpuFacts | None = None
) -> Forecast:
    """Return what the task will come to.

    Args:
        reading: the task file.
        viewer: where earlier runs tell how long things take; None: nowhere.
        gpus: what a server may get; None where that is not known.

    Raises:
        StoreError: earlier runs cannot be read.
    """
    try:
        engine = engine_of(reading)
        prepared = prepare(reading, engine, engine.facts(reading.task), gpus)
        task = prepared.task
        model = task.model.id_or_path
        experience = await experience_of(viewer, engine.name, model) if viewer else None
        return Forecast(prepared, plan_of(task, engine, prepared.space, experience, gpus))
    except TaskError as error:
        return Forecast(None, None, tuple(error.problems))
    except StoreError:
        raise
    except HostError as error:
        return Forecast(None, None, (str(error),))
