"""A parameter preset: flags and values that go together, under a name, and how several are joined.

name: my-memory
description: What decides how much fits
engine: sglang                                    left out: for any engine
parameters:
  mem-fraction-static: [0.8, 0.85, 0.9]

The JSON that older tools export, `{"version": "1.0", "preset": {...}}`, reads the same.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import Field, field_validator, model_validator

from core.task.document import MergeRule
from core.task.frozen import Frozen, Section
from core.task.space import Choices, ParameterSpace, Range, condition_mistakes

_ENGINE_NAMES = ("runtime", "base_runtime")


class Preset(Section):
    """Flags to tune, and the values they may take, under a name."""

    name: str = Field(min_length=1, max_length=100)
    description: str = ""
    """Free text."""
    engine: str | None = None
    """The engine it is for; None: any."""
    parameters: dict[str, ParameterSpace]
    """As in a task."""

    @model_validator(mode="before")
    @classmethod
    def _older_forms(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and isinstance(raw.get("preset"), dict):
            raw = raw["preset"]
        if isinstance(raw, dict) and "engine" not in raw:
            raw = {("engine" if key in _ENGINE_NAMES else key): v for key, v in raw.items()}
        return raw

    @field_validator("parameters")
    @classmethod
    def _conditions_can_be_met(cls, raw: dict[str, ParameterSpace]) -> dict[str, ParameterSpace]:
        if mistakes := condition_mistakes(raw):
            raise ValueError("; ".join(f"{name} {mistake}" for name, mistake in mistakes))
        return raw


class Merged(Frozen):
    """Presets joined into one."""

    parameters: dict[str, ParameterSpace]
    conflicts: tuple[str, ...]
    """Where presets disagreed and what became of it, a sentence each."""


def merge(presets: Sequence[Preset], rule: MergeRule) -> Merged:
    """Join presets; the rule is for flags that several of them name.

    Args:
        presets: in order; where they cannot be joined, the last has its way.
        rule: `union` takes all their values, `intersection` those in common, `last_wins` the last
            preset's.
    """
    joined: dict[str, ParameterSpace] = {}
    owner: dict[str, str] = {}
    conflicts: list[str] = []
    for preset in presets:
        for flag, space in preset.parameters.items():
            if flag in joined and joined[flag] != space:
                both = f"{owner[flag]} and {preset.name} differ in {flag}"
                space, told = _join(joined[flag], space, rule, both)
                conflicts += told
            joined[flag], owner[flag] = space, preset.name
    return Merged(parameters=joined, conflicts=tuple(conflicts))


def _join(
    earlier: ParameterSpace, later: ParameterSpace, rule: MergeRule, both: str
) -> tuple[ParameterSpace, list[str]]:
    if rule == "last_wins":
        return later, [f"{both}; the last has its way"]
    if isinstance(earlier, Range) or isinstance(later, Range) or earlier.when != later.when:
        return later, [f"{both}, and cannot be joined; the last has its way"]
    if rule == "union":
        return later.model_copy(
            update={"values": Choices(values=(*earlier.values, *later.values)).values}
        ), []
    known = {(type(value), value) for value in earlier.values}
    common = tuple(value for value in later.values if (type(value), value) in known)
    told = [] if common else [f"{both}, and have no value in common; it is left out"]
    return later.model_copy(update={"values": common}), told
