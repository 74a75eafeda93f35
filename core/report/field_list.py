"""Every field of a task file with its default, what may stand there, and what it is for.

Made from the models themselves, so that it cannot fall behind them.
"""

import json
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, PlainSerializer
from pydantic.fields import FieldInfo

from core.task import Frozen, Task, dotted

_NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false"}


class FieldLine(Frozen):
    """One field."""

    field: str
    """Where it stands: `optimization.max_iterations`."""
    kind: str
    """What may stand there, in a few words."""
    default: str
    """As a task file has it; `required` where there is none."""
    text: str


def field_lines(model: type[BaseModel] = Task, path: tuple[str, ...] = ()) -> Iterator[FieldLine]:
    """Yield the fields of a section and of the sections in it, in the order of a task file."""
    for name, field in model.model_fields.items():
        here = (*path, name)
        section = _section(field.annotation)
        if section is not None and section.__doc__:
            yield FieldLine(field=dotted(here), kind="section", default="", text=_first(section))
            yield from field_lines(section, here)
            continue
        yield FieldLine(
            field=dotted(here),
            kind="length of time" if _is_time(field) else _kind(field.annotation),
            default=_default(field) + " s" * (_is_time(field) and not field.is_required()),
            text=" ".join((field.description or "").split()),
        )


def _section(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a field holds, which may be left out."""
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel) and part.model_fields:
            return part if get_origin(annotation) not in {tuple, dict, list} else None
    return None


def _is_time(field: FieldInfo) -> bool:
    """Return whether it is written with a unit: `90s`."""
    return any(isinstance(part, PlainSerializer) for part in field.metadata)


def _first(section: type[BaseModel]) -> str:
    return (section.__doc__ or "").strip().partition("\n")[0]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    match value:
        case None:
            return "none"
        case tuple():
            return f"[{', '.join(map(str, value))}]"
        case dict():
            return "{}"
        case bool() | str():
            return json.dumps(value)
        case _:
            return f"{value:g}" if isinstance(value, float) else str(value)


def _kind(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(parts[0])
    if origin is Literal:
        return ", ".join(str(part) for part in parts)
    if origin in {Union, types.UnionType}:
        kinds = [_kind(part) for part in parts if part is not type(None)]
        return " or ".join(dict.fromkeys(kinds))
    if origin in {tuple, list}:
        return f"list of {_kind(parts[0])}"
    if origin is dict:
        return "`key: value` pairs"
    return _NAMES.get(annotation, "") or getattr(annotation, "__name__", "anything").lower()
