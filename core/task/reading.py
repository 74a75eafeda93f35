"""From a task file to a `Task`: every mistake in one pass, each with its line, field and mend.

Pure but for `read_task`, which reads the one file it is given.
"""

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from core.errors import TaskError
from core.task.configuration import spell
from core.task.document import Task

FieldPath: TypeAlias = tuple[str | int, ...]
"""Where a value stands in the document: ("slo", "latency", "p90", "threshold")."""

MAX_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Reading:
    """A task as it was understood, and what to tell the user about it."""

    task: Task
    text: str
    """The file, word for word."""
    notices: tuple[str, ...]
    """What was read in a way the user may not expect, one line each."""
    source: "Source"

    def mistakes(self, found: list[tuple[FieldPath, str]]) -> TaskError:
        """Return the error for mistakes found later, each placed at its line of the file."""
        return TaskError([self.source.at(path, message) for path, message in found])


class Source:
    """The text of a task file, and the line on which each of its fields stands."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._lines = _lines_of(text)

    def line(self, path: FieldPath) -> int | None:
        """Return the line of the field, or of the nearest part around it that is in the file."""
        for end in range(len(path), 0, -1):
            if path[:end] in self._lines:
                return self._lines[path[:end]]
        return None

    def at(self, path: FieldPath, message: str) -> str:
        """Return `message` with file, line and field in front of it."""
        while path and isinstance(path[-1], int) and path not in self._lines:
            path = path[:-1]  # one value where a list may stand
        line = self.line(path)
        place = self.name if line is None else f"{self.name}:{line}"
        return f"{place}: {dotted(path)}: {message}" if path else f"{place}: {message}"


def dotted(path: FieldPath) -> str:
    """Write a path as people do: `slo.latency.p90.threshold`, `num_concurrency[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def read_task(path: Path) -> Reading:
    """Read the task file at `path`.

    Raises:
        TaskError: the file is missing, is neither YAML nor JSON, or holds a mistake.
    """
    return parse_task(read_text(path), str(path))


def read_text(path: Path) -> str:
    """Return the text of the task file at `path`, right or wrong.

    Raises:
        TaskError: the file is missing, or is no text.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TaskError([f"{path}: is larger than 4 MiB, so it is no task file"])
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise TaskError([f"{path}: there is no such file"]) from None
    except IsADirectoryError:
        raise TaskError([f"{path}: is a folder; name the task file in it"]) from None
    except UnicodeDecodeError:
        raise TaskError([f"{path}: is not UTF-8 text, so it is no task file"]) from None
    except OSError as error:
        raise TaskError([f"{path}: cannot be read: {error.strerror}"]) from None


def parse_task(text: str, name: str = "task") -> Reading:
    """Parse the text of a task file; `name` stands for it in messages.

    Raises:
        TaskError: with one line for each mistake.
    """
    document = _parse_document(text, name)
    source = Source(name, text)
    if not isinstance(document, dict):
        raise TaskError([f"{name}: holds {_kind(document)}; a task file is a list of `key: value`"])
    try:
        task = Task.model_validate(document)
    except ValidationError as invalid:
        raise TaskError(_explanations(source, invalid.errors(include_url=False))) from None
    return Reading(task, text, tuple(_notices(source, task)), source)


def _parse_document(text: str, name: str) -> Any:
    # YAML 1.2 takes JSON in as well, but the JSON parser says more about a broken JSON file.
    # `on` and `off` are words in YAML 1.2, as the engines that take them as flag values need.
    try:
        if text.lstrip().startswith("{"):
            return json.loads(text, object_pairs_hook=_without_repetition)
        return YAML(typ="safe", pure=True).load(text)
    except json.JSONDecodeError as error:
        raise TaskError([f"{name}:{error.lineno}: is no valid JSON: {error.msg}"]) from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TaskError([f"{name}:{line}: is no valid YAML: {error.problem}"]) from None
    except (YAMLError, ValueError) as error:
        raise TaskError([f"{name}: cannot be parsed: {str(error).splitlines()[0]}"]) from None
    except RecursionError:
        raise TaskError([f"{name}: is nested too deeply"]) from None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key '{twice}' stands twice in one object")
    return document


def _lines_of(text: str) -> dict[FieldPath, int]:
    lines: dict[FieldPath, int] = {}

    def visit(node: Node, path: FieldPath, inside: tuple[int, ...]) -> None:
        if id(node) in inside:
            raise TaskError([f"line {node.start_mark.line + 1}: the alias refers to itself"])
        lines[path] = node.start_mark.line + 1
        inside = (*inside, id(node))
        if isinstance(node, MappingNode):
            for key, value in node.value:
                visit(value, (*path, key.value), inside)
                lines[*path, key.value] = key.start_mark.line + 1
        elif isinstance(node, SequenceNode):
            for index, value in enumerate(node.value):
                visit(value, (*path, index), inside)

    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except YAMLError:
        return {}  # a JSON file that is no YAML: its messages go without lines
    if root is not None:
        visit(root, (), ())
    return lines


def _explanations(source: Source, details: list[ErrorDetails]) -> list[str]:
    """Say what pydantic found the way a person would, each mistake once."""
    places = {id(detail): _path_of(detail) for detail in details}
    told = [
        detail
        for detail in details
        # A list whose only items are wrong is reported as too short as well.
        if detail["type"] != "too_short"
        or not any(places[id(detail)] == path[:-1] for path in places.values() if path)
    ]
    return [_explain(source, places[id(detail)], detail) for detail in told]


def _path_of(detail: ErrorDetails) -> FieldPath:
    return tuple(step for step in detail["loc"] if step not in _NOT_IN_THE_FILE)


def _explain(source: Source, path: FieldPath, detail: ErrorDetails) -> str:
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    shown = spell(value) if isinstance(value, str | int | float | bool | None) else _kind(value)
    match kind:
        case "missing":
            message = "is missing"
        case "literal_error":
            choices = context["expected"].replace("'", "")
            message = f"'{shown}' is not one of {choices}" + _nearest(
                str(value), choices.replace(" or ", ", ").split(", ")
            )
        case "greater_than":
            message = f"must be above {context['gt']:g}, not {shown}"
        case "greater_than_equal":
            message = f"must be at least {context['ge']:g}, not {shown}"
        case "too_short" | "string_too_short":
            message = "must not be empty"
        case "value_error":
            message = str(context["error"])
        case _:
            wanted = _WANTED.get(kind, detail["msg"][:1].lower() + detail["msg"][1:])
            message = f"{wanted}, not {shown}" if kind in _WANTED else f"{wanted} (found {shown})"
    return source.at(path, message)


_NOT_IN_THE_FILE = {"choices", "range", "[key]"}
"""Steps that pydantic puts into a path for its own sake."""

_WANTED = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "string_type": "must be text",
    "model_type": "must be a list of `key: value`",
    "dict_type": "must be a list of `key: value`",
    "tuple_type": "must be a list",
}


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
        case _:
            return "a list of `key: value`"


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word.lower(), known, n=2, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _notices(source: Source, task: Task) -> list[str]:
    notices = [
        source.at(path, "is not known and has no effect" + _nearest(str(path[-1]), known))
        for path, known in _unknown_keys(task, ())
    ]
    minutes_at = ("benchmark", "max_time_per_iteration")
    if "max_time_per_iteration" in task.benchmark.model_fields_set:
        seconds = task.benchmark.max_time_per_iteration
        notices.append(source.at(minutes_at, f"read as {seconds:g} s for each load level"))
    notices += [
        source.at(("parameters", name), "has no values and is left out")
        for name, space in task.parameters.items()
        if getattr(space, "values", True) == ()
    ]
    return notices


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
