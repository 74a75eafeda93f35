"""What can be known to be wrong before anything is launched: a GPU hour is dearer than a glance.

Looks at the task, the engine's catalogue and the file system; starts nothing.
"""

from pathlib import Path

from core.engines.dimensions import is_dimension
from core.engines.engine import Engine
from core.engines.registry import ENGINES, explain_unknown
from core.search.of_task import space_of
from core.task import (
    Choices,
    FieldPath,
    FlagValue,
    Range,
    Reading,
    Task,
    finite_values,
)


def find_engine(reading: Reading) -> Engine:
    """Return the engine that the task names.

    Raises:
        TaskError: there is no such engine.
    """
    name = reading.task.base_runtime
    if name not in ENGINES:
        raise reading.mistakes([(("base_runtime",), explain_unknown(name))])
    return ENGINES[name]


def check(reading: Reading, engine: Engine) -> None:
    """Hold the task against the engine and this machine.

    Raises:
        TaskError: with every mistake found, each at its line.
        HostError: the engine's program is not on this machine.
    """
    task = reading.task
    mistakes = [*_flag_mistakes(task, engine), *_space_mistakes(task), *_model_mistakes(task)]
    if mistakes:
        raise reading.mistakes(mistakes)
    engine.command(task, next(iter(space_of(task, engine).grid())), port=1)


def _flag_mistakes(task: Task, engine: Engine) -> list[tuple[FieldPath, str]]:
    catalogue = engine.catalogue
    if catalogue is None:
        return []
    mistakes: list[tuple[FieldPath, str]] = []
    for name, value in task.engine.arguments.items():
        if refusal := catalogue.refuse(name, value):
            mistakes.append((("engine", "arguments", name), refusal))
    for name, space in task.parameters.items():
        if is_dimension(name):
            continue
        refusals = (catalogue.refuse(name, value) for value in _samples(space))
        if refusal := next(filter(None, refusals), None):
            mistakes.append((("parameters", name), refusal))
    return mistakes


def _samples(space: Choices | Range) -> tuple[FlagValue, ...]:
    return space.values if isinstance(space, Choices) else finite_values(space, spread=2)


def _space_mistakes(task: Task) -> list[tuple[FieldPath, str]]:
    if not any(_samples(space) for space in task.parameters.values()):
        return [(("parameters",), "hold no values, so there is nothing to tune; give a flag some")]
    return []


def _model_mistakes(task: Task) -> list[tuple[FieldPath, str]]:
    model = task.model.id_or_path
    looks_like_a_path = model.startswith(("/", "./", "../", "~")) or model.endswith(".gguf")
    if looks_like_a_path and not Path(model).expanduser().exists():
        return [(("model", "id_or_path"), f"there is no {model} on this machine")]
    return []
