"""From a file to a `Task` or a `Preset`: every mistake in one pass, with its line, field and mend.

Pure but for `read_task` and `read_preset`, which read the one file they are given.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from core.errors import TaskError
from core.task.document import Task
from core.task.explaining import explanations
from core.task.objective import LOAD_OBJECTIVES
from core.task.older import notices_on
from core.task.preset import Preset
from core.task.source import FieldPath, Source, kind, read_text

T = TypeVar("T", bound=BaseModel)

_STAND_INS: dict[str, Any] = {"task_name": "task", "model": {"id_or_path": "model"}}
"""For what a task cannot do without, where that is what is wrong with it."""
_MOST_ATTEMPTS = 4


@dataclass(frozen=True)
class Reading:
    """A task as it was understood, and what to tell the user about it."""

    task: Task
    text: str
    """The file, word for word."""
    notices: tuple[str, ...]
    """What was read in a way the user may not expect, one line each."""
    source: Source

    def mistakes(self, found: list[tuple[FieldPath, str]]) -> TaskError:
        """Return the error for mistakes found later, each placed at its line of the file."""
        return self.source.mistakes(found)


class MisreadError(TaskError):
    """A task file whose values are wrong, with what can be understood of it all the same."""

    def __init__(self, problems: list[str], rest: Reading | None) -> None:
        super().__init__(problems)
        self.rest = rest
        """The task without its wrong parts; None where too little is left."""


def read_task(path: Path) -> Reading:
    """Read the task file at `path`.

    Raises:
        MisreadError: values are wrong; every one of them is told.
        TaskError: the file is missing, or is neither YAML nor JSON.
    """
    return parse_task(read_text(path, "task file"), str(path))


def parse_task(text: str, name: str = "task") -> Reading:
    """Parse the text of a task file; `name` stands for it in messages.

    Raises:
        MisreadError: values are wrong; one line for each mistake.
        TaskError: it is neither YAML nor JSON.
    """
    source = Source(name, text)
    task = _understood(Task, source, "task file", lambda wrong: _rest(source, wrong))
    return Reading(task, text, tuple(_notices(source, task)), source)


def read_preset(path: Path) -> Preset:
    """Read the preset file at `path`.

    Raises:
        TaskError: the file is missing, is neither YAML nor JSON, or holds a mistake.
    """
    return _understood(Preset, Source(str(path), read_text(path, "preset")), "preset")


def _understood(
    model: type[T],
    source: Source,
    what: str,
    rest: Callable[[list[FieldPath]], Reading | None] = lambda _: None,
) -> T:
    if not isinstance(source.document, dict):
        raise source.wrong(f"holds {kind(source.document)}; a {what} is a list of `key: value`")
    try:
        return model.model_validate(source.document)
    except ValidationError as invalid:
        found = explanations(invalid.errors(include_url=False))
        problems = source.mistakes(found).problems
        raise MisreadError(problems, rest([path for path, _ in found])) from None


def _rest(source: Source, wrong: list[FieldPath]) -> Reading | None:
    """Return the task without the sections' entries that are wrong."""
    document = {
        key: dict(value) if isinstance(value, dict) else value
        for key, value in source.document.items()
    }
    for _ in range(_MOST_ATTEMPTS):  # what remains may not fit together
        for path in wrong:
            section = document.get(str(path[0])) if path else None
            if len(path) > 1 and isinstance(section, dict):
                section.pop(path[1], None)
            elif path:
                document.pop(str(path[0]), None)
        if isinstance(model := document.get("model", {}), dict):
            document["model"] = {**_STAND_INS["model"], **model}
        try:
            task = Task.model_validate({**_STAND_INS, **document})
        except ValidationError as invalid:
            wrong = [path for path, _ in explanations(invalid.errors(include_url=False))]
        else:
            return Reading(task, source.text, (), source)
    return None


def _notices(source: Source, task: Task) -> list[str]:
    unknown = _unknown_keys(task, ())
    notices = [source.at(path, told) for path, told in notices_on(source.document, unknown)]
    if "max_time_per_iteration" in task.benchmark.model_fields_set:
        told = f"read as {task.benchmark.max_time_per_iteration:g} s for each load level"
        capped = task.level_time_limit < task.benchmark.max_time_per_iteration
        if capped:
            told += (
                f"; {task.level_time_limit:g} s is what optimization.timeout_per_iteration leaves"
            )
        written = source.document["benchmark"]["max_time_per_iteration"]
        if capped or not _has_unit(written):
            notices.append(source.at(("benchmark", "max_time_per_iteration"), told))
    if task.optimization.objective in LOAD_OBJECTIVES:
        told = (
            f"has no effect with {task.optimization.objective}, which searches the load:"
            " benchmark.load_search says how"
        )
        notices += [
            source.at(("benchmark", name), told)
            for name in ("num_concurrency", "request_rate", "trace")
            if getattr(task.benchmark, name) and name in task.benchmark.model_fields_set
        ]
    notices += [
        source.at(("parameters", name), "has no values and is left out")
        for name, space in task.parameters.items()
        if getattr(space, "values", True) == ()
    ]
    return notices


def _has_unit(written: object) -> bool:
    return isinstance(written, str) and written.strip()[-1:].isalpha()


def _unknown_keys(section: BaseModel, path: FieldPath) -> list[tuple[FieldPath, list[str]]]:
    known = list(type(section).model_fields)
    found: list[tuple[FieldPath, list[str]]] = [
        ((*path, name), known) for name in section.model_extra or {}
    ]
    for name in known:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            found += _unknown_keys(value, (*path, name))
        elif isinstance(value, dict):
            for key, item in value.items():
                if isinstance(item, BaseModel):
                    found += _unknown_keys(item, (*path, name, key))
    return found
