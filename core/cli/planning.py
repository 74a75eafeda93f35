"""`autotuner plan`: what a task comes to. Launches nothing."""

import asyncio
import sys
from pathlib import Path

from core.engines.resolving import engine_of
from core.errors import HostError
from core.report.experience import Experience, experience_of
from core.report.plan import first_experiments, plan_of
from core.report.plan_document import plan_document, print_plan
from core.report.preflight import prepare, read_and_check
from core.run import facts_of
from core.search import Proposal
from core.store import Viewer
from core.task import DEFAULTS

_FIRST = 5


def plan(path: Path, *, as_json: bool, commands: bool) -> int:
    """Print the plan of the task file at `path`.

    Raises:
        TaskError: the file is wrong.
        HostError: this machine cannot launch any of it; said after the plan.
    """
    reading = read_and_check(path)
    engine = engine_of(reading)
    facts, gpus = facts_of(reading.task, engine)
    prepared = prepare(reading, engine, facts, gpus)
    task = prepared.task
    earlier = asyncio.run(experience(engine.name, task.model.id_or_path))
    first = first_experiments(task, prepared.space, _FIRST)
    if task.optimization.baseline:
        baseline = Proposal(configuration=DEFAULTS, reason="the engine's own defaults")
        first = (baseline, *first)
    document = plan_document(
        task,
        engine,
        plan_of(task, engine, prepared.space, earlier, gpus),
        notices=prepared.reading.notices,
        first=first,
        commands=commands,
        facts=facts,
        gpus=gpus,
    )
    if as_json:
        print(document.model_dump_json(indent=2))
    else:
        for notice in document.notices:
            print(notice, file=sys.stderr)
        print_plan(document, sys.stdout)
    if document.trouble is not None:
        raise HostError(document.trouble)
    return 0


async def experience(engine: str, model: str) -> Experience | None:
    """Return what earlier runs in the store took."""
    async with Viewer() as viewer:
        return await experience_of(viewer, engine, model)
