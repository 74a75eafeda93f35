"""The search space of a task: its parameters, and what its engine makes of a configuration."""

from core.engines.engine import Engine, GpuFacts
from core.engines.model_facts import ModelFacts
from core.search.space import Space
from core.task import DEFAULTS, Configuration, FlagValue, Task


def space_of(
    task: Task, engine: Engine, facts: ModelFacts | None = None, gpus: GpuFacts | None = None
) -> Space:
    """Return the task's search space; configurations with equal command lines are one point.

    What the engine refuses beforehand is not in it.

    Args:
        task: what is asked for.
        engine: its engine.
        facts: the model; None: what its own files say, if they are here.
        gpus: what a server may get; None where that is not known.
    """
    # As in a container: there, no program of this machine has to be looked for each time.
    spelled = task.model_copy(update={"deployment_mode": "docker"})

    def command_line(configuration: Configuration) -> str:
        return "\0".join(engine.command(spelled, configuration, port=0).argv)

    known = facts or engine.facts(task)

    def allowed(configuration: Configuration) -> str | None:
        return engine.refuse(task, configuration, known, gpus)

    return Space.of(task.parameters, command_line, _defaults(task, engine), allowed)


def _defaults(task: Task, engine: Engine) -> dict[str, FlagValue]:
    """Return what the baseline runs with, as far as the task's own flags and the parser tell."""
    fixed = engine.flags(task, DEFAULTS)
    known: dict[str, FlagValue] = {}
    for name in task.parameters:
        flag = engine.catalogue.find(name) if engine.catalogue else None
        value = fixed.get(flag.name if flag else name, flag.default if flag else None)
        if value is not None:
            known[name] = value
    return known
