"""What can be known to be wrong before anything is launched: a GPU hour is dearer than a glance.

Looks at the task, the engine's catalogue and the file system; starts nothing. The screens use it as
well as the command line.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from core.engines.checking import mistakes_of
from core.engines.engine import Engine, GpuFacts
from core.engines.model_facts import ModelFacts
from core.engines.resolving import engine_of, resolved, settle
from core.errors import HostError, TaskError
from core.search import Space
from core.search.of_task import space_of
from core.search.survey import Skip, Survey, survey
from core.task import DEFAULTS, FieldPath, MisreadError, Reading, Task, read_task


@dataclass(frozen=True)
class Prepared:
    """A task that is ready to be run, and its space."""

    reading: Reading
    """With the task as it will be run, and with what there is to say of it."""
    engine: Engine
    space: Space
    survey: Survey

    @property
    def task(self) -> Task:
        """The task as it will be run."""
        return self.reading.task


def read_and_check(path: Path) -> Reading:
    """Read a task file; where it is wrong, tell with it what its engine would not take.

    Raises:
        TaskError: with every mistake that can be known without the right values of the others.
    """
    try:
        return read_task(path)
    except MisreadError as misread:
        raise TaskError([*misread.problems, *_of_the_engine(misread.rest)]) from None


def _of_the_engine(reading: Reading | None) -> list[str]:
    """Return the mistakes in single flags and presets of what is left of a task."""
    if reading is None:
        return []
    try:
        engine = engine_of(reading)
    except TaskError as unknown:
        return unknown.problems
    settled = settle(reading.task, engine)
    found = [*settled.mistakes, *mistakes_of(settled.task, engine)]
    return reading.mistakes([(path, told) for path, told in found if len(path) > 1]).problems


def prepare(
    reading: Reading,
    engine: Engine,
    facts: ModelFacts | None = None,
    gpus: GpuFacts | None = None,
) -> Prepared:
    """Work out what a task comes to, and hold it against its engine and this machine.

    Args:
        reading: the task file.
        engine: its engine, as `engine_of` finds it.
        facts: the model; None where nothing is known of it.
        gpus: what a server may get; None where that is not known.

    Raises:
        TaskError: with every mistake found, each at its line.
    """
    reading = resolved(reading, engine, facts, gpus)
    task = reading.task
    if mistakes := mistakes_of(task, engine):
        raise reading.mistakes(mistakes)
    space = space_of(task, engine, facts, gpus)
    try:
        found = survey(space)
    except TaskError as error:
        raise reading.mistakes([_placed(problem) for problem in error.problems]) from None
    if found.looked_at and not found.launchable:
        reasons = "; ".join(f"{skip.reason} ({skip.count})" for skip in found.skipped)
        raise reading.mistakes([((), f"no configuration is left to try: {reasons}")])
    notices = [reading.source.at((), _left_out(skip)) for skip in found.skipped]
    if task.optimization.baseline and (why := engine.refuse(task, DEFAULTS, facts, gpus)):
        told = f"the engine's defaults, which are measured first, are known to fail: {why}"
        notices.append(reading.source.at(("optimization", "baseline"), told))
    return Prepared(replace(reading, notices=(*reading.notices, *notices)), engine, space, found)


def _left_out(skip: Skip) -> str:
    return f"{skip.count} configuration{'s' * (skip.count > 1)} left out: {skip.reason}"


def _placed(problem: str) -> tuple[FieldPath, str]:
    """Return what an engine says of a task, `engine.command: is missing`, and where it stands."""
    field, _, message = problem.partition(": ")
    return tuple(field.split(".")), message


def check_program(prepared: Prepared) -> None:
    """Make sure that a first server could be launched.

    Raises:
        HostError: the engine's program is not on this machine, or a variable for it is not set.
    """
    command = prepared.engine.command(prepared.task, prepared.survey.launchable[0], port=1)
    for name in command.references:
        if not (os.environ.get(name) or command.environment.get(name)):
            raise HostError(f"${name}: is not set, and the server takes a secret from it")
