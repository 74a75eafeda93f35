"""What of a task an engine would not take, and what there is nothing to do with: each at its field.

Looks at the task, the engine's catalogue and the file system; starts nothing.
"""

from core.engines.dimensions import is_dimension
from core.engines.engine import Engine
from core.paths import is_there, path_of
from core.task import Choices, FieldPath, FlagValue, Range, Task, finite_values

_PATHS = ("/", "./", "../", "~")


def mistakes_of(task: Task, engine: Engine) -> list[tuple[FieldPath, str]]:
    """Return every mistake of a task whose presets and wishes are resolved."""
    return [*_flags(task, engine), *_space(task), *_model(task, engine)]


def _flags(task: Task, engine: Engine) -> list[tuple[FieldPath, str]]:
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
    return [*mistakes, *_twice(task, engine)]


def _twice(task: Task, engine: Engine) -> list[tuple[FieldPath, str]]:
    """Return the flags that are to be tuned under two of their names."""
    assert engine.catalogue is not None
    mistakes: list[tuple[FieldPath, str]] = []
    first: dict[str, str] = {}
    for name in task.parameters:
        flag = engine.catalogue.find(name)
        if flag is None:
            continue
        if flag.name in first:
            told = f"is {first[flag.name]} under another name; keep one of them"
            mistakes.append((("parameters", name), told))
        first.setdefault(flag.name, name)
    return mistakes


def _samples(space: Choices | Range) -> tuple[FlagValue, ...]:
    return space.values if isinstance(space, Choices) else finite_values(space, spread=2)


def _space(task: Task) -> list[tuple[FieldPath, str]]:
    if any(_samples(space) for space in task.parameters.values()):
        return []
    told = "hold no values, so there is nothing to tune; give a flag some, or write `auto`"
    return [(("parameters",), told)]


def _model(task: Task, engine: Engine) -> list[tuple[FieldPath, str]]:
    model = task.model.id_or_path
    looks_like_a_path = model.startswith(_PATHS) or model.endswith(".gguf")
    if looks_like_a_path and not is_there(path_of(model)):
        return [(("model", "id_or_path"), f"there is no {model} on this machine")]
    if engine.fetches_by and not _is_fetched(task, engine) and not is_there(path_of(model)):
        told = f"{engine.name} serves a file, and there is no {model} on this machine"
        return [(("model", "id_or_path"), told)]
    return []


def _is_fetched(task: Task, engine: Engine) -> bool:
    """Return whether a flag has the engine fetch the model itself."""
    catalogue = engine.catalogue
    given = (*task.engine.arguments, *task.parameters)
    known = (catalogue.find(name) for name in given) if catalogue else ()
    return any(flag is not None and flag.name in engine.fetches_by for flag in known)
