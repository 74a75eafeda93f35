"""What a running server says of its own version and arguments, held against what was asked. Pure.

Engines adjust arguments in silence: a chunk divided, a batch capped, a backend replaced. A figure
that is read as the effect of a flag must not be that of another value.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from core.engines.catalogue import Catalogue
from core.engines.flag import Flag
from core.engines.sizes import size
from core.events import Argument
from core.task import FlagValue, Frozen, spell


class InForce(Frozen):
    """A server's own account."""

    version: str | None = None
    arguments: dict[str, FlagValue] = Field(default_factory=dict)
    """Plain values by the engine's inner names, `_` between words."""


def plain_arguments(page: Mapping[str, Any]) -> dict[str, FlagValue]:
    """Return the entries of a page that are plain values."""
    return {
        name: value for name, value in page.items() if isinstance(value, bool | int | float | str)
    }


def merged_sections(sections: Mapping[str, Any]) -> dict[str, FlagValue]:
    """Return the plain values of all sections; a name that two of them use is left out."""
    found: dict[str, FlagValue] = {}
    twice: set[str] = set()
    for section in sections.values():
        if not isinstance(section, Mapping):
            continue
        for name, value in plain_arguments(section).items():
            if name in found and found[name] != value:
                twice.add(name)
            found[name] = value
    return {name: value for name, value in found.items() if name not in twice}


def compared(
    asked: Mapping[str, FlagValue],
    varied: Iterable[str],
    in_force: InForce,
    catalogue: Catalogue | None,
) -> tuple[Argument, ...]:
    """Return what was asked beside what the server runs with, an argument for each flag.

    Args:
        asked: every flag of the launch.
        varied: flags that the task varies; one that was left out is told where the server tells it.
    """
    found: dict[str, Argument] = {}
    for name in (*asked, *varied):
        flag = catalogue.find(name) if catalogue else None
        names = [name, *(flag.spellings if flag else ())]
        inner = (spelling.lstrip("-").replace("-", "_") for spelling in names)
        known = next((n for n in inner if n in in_force.arguments), None)
        if (flag.name if flag else name) in found or (name not in asked and known is None):
            continue
        value = asked.get(name)
        runs = None if known is None else in_force.arguments[known]
        differs = known is not None and not _left_open(value, flag) and not _same(value, runs)
        found[flag.name if flag else name] = Argument(
            flag=name, asked=value, in_force=runs, differs=differs
        )
    return tuple(found.values())


def _left_open(value: FlagValue, flag: Flag | None) -> bool:
    """Return whether a value leaves the choice to the server, or cannot be compared."""
    if value is None or spell(value) in {"auto", "-1"} or (flag and flag.type == "json"):
        return True
    # llama.cpp's `ctx-size 0` is the model's own.
    return flag is not None and flag.type == "int" and spell(value) == spell(flag.default) == "0"


def _same(asked: FlagValue, has: FlagValue) -> bool:
    if isinstance(asked, bool) or isinstance(has, bool):
        return asked == has
    left, right = size(asked), size(has)
    if left is not None and right is not None:
        return abs(_number(asked, left) - _number(has, right)) < 1e-9 * max(1.0, abs(right))
    return _plain(asked) == _plain(has)


def _plain(value: FlagValue) -> str:
    """Return text in one spelling: `half` and `torch.float16` are the same type."""
    text = str(value).lower().removeprefix("torch.")
    return {"half": "float16", "float": "float32", "bf16": "bfloat16"}.get(text, text)


def _number(value: FlagValue, read: int) -> float:
    """Return a fraction as it is: reading it as a size drops what is behind the point."""
    try:
        return float(value) if isinstance(value, float | str) else float(read)
    except ValueError:
        return float(read)
