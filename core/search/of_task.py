"""The search space of a task: its parameters, and what its engine makes of a configuration."""

from core.engines.engine import Engine
from core.search.space import Rule, Space, no_rule
from core.task import Configuration, Task


def space_of(task: Task, engine: Engine, allowed: Rule = no_rule) -> Space:
    """Return the task's search space; configurations with equal command lines are one point.

    Args:
        allowed: what is known beforehand not to work.
    """
    # As in a container: there, no program of this machine has to be looked for each time.
    spelled = task.model_copy(update={"deployment_mode": "docker"})

    def command_line(configuration: Configuration) -> str:
        return "\0".join(engine.command(spelled, configuration, port=0).argv)

    return Space.of(task.parameters, command_line, allowed=allowed)
