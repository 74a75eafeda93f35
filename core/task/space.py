"""The values that one parameter may take, in every form a task file may write them.

tp-size: 2                                      one value
page-size: [1, 16, 64]                          a list of choices
kv-cache-dtype: {type: choice, values: [...]}   the same, spelled out (`categorical`, `choices`)
max-running-requests: {type: integer, low: 8, high: 256, log: true}
mem-fraction-static: {type: continuous, low: 0.7, high: 0.95, step: 0.05}
speculative-num-steps: {values: [1, 3, 5], when: {speculative-algorithm: EAGLE}}
                                                left out unless the other has such a value
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from core.task.configuration import FlagValue, spell
from core.task.frozen import Frozen

_MOST_STEPS = 2**53


def _one_or_many(raw: Any) -> Any:
    return raw if isinstance(raw, list | tuple) else [raw]


Conditions: TypeAlias = dict[
    str, Annotated[tuple[FlagValue, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
]
"""Values of other parameters, by name: all of these parameters have to have one of theirs."""


class Choices(Frozen):
    """A finite list of values. Numbers among themselves are ordered, anything else is not."""

    type: Literal["choice", "categorical"] = "choice"
    values: tuple[FlagValue, ...]
    """The values without repetition, in the order of the task file; may be empty."""
    when: Conditions = Field(default_factory=dict)
    """Where the parameter takes part; elsewhere it is left out. Empty: everywhere."""

    @model_validator(mode="before")
    @classmethod
    def _accept_every_form(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            raw = {"values": raw if isinstance(raw, list | tuple) else [raw]}
        elif "choices" in raw and "values" not in raw:
            raw = {("values" if key == "choices" else key): value for key, value in raw.items()}
        if "values" not in raw:
            raise ValueError("needs `values`, or `type: integer` with `low` and `high`")
        return raw

    @model_validator(mode="after")
    def _drop_repetitions(self) -> Self:
        # 1 and True are equal in Python and two different flags on a command line.
        distinct = tuple({(type(value), value): value for value in self.values}.values())
        object.__setattr__(self, "values", distinct)
        return self

    @property
    def ordered(self) -> bool:
        """Whether all values are numbers, so that "between" means something."""
        return all(isinstance(v, int | float) and not isinstance(v, bool) for v in self.values)


class Range(Frozen):
    """All numbers from `low` to `high`, both included."""

    type: Literal["integer", "continuous"]
    low: float
    high: float
    step: Annotated[float, Field(gt=0)] | None = None
    """Distance between neighbouring values. None: 1 for integers, any value if continuous."""
    log: bool = False
    """Whether equal ratios, not equal differences, are equal steps. Needs `low` above 0."""
    when: Conditions = Field(default_factory=dict)
    """Where the parameter takes part; elsewhere it is left out. Empty: everywhere."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range needs low above 0, not {self.low:g}")
        if self.step is not None and (self.high - self.low) / self.step > _MOST_STEPS:
            raise ValueError(f"step {self.step:g} is too small for {self.low:g} to {self.high:g}")
        if self.type == "integer":
            for name in ("low", "high", "step"):
                bound = getattr(self, name)
                if bound is not None and not float(bound).is_integer():
                    raise ValueError(f"{name} of an integer range must be whole, not {bound:g}")
        return self

    def spread(self, count: int) -> tuple[FlagValue, ...]:
        """Return at most `count` distinct values of the range, evenly spread, both ends among them.

        Raises:
            ValueError: `count` is below 2.
        """
        if count < 2:
            raise ValueError("a spread needs at least its two ends")
        fractions = [i / (count - 1) for i in range(count)]
        if self.log:
            ratio = math.log(self.high / self.low)
            raw = [self.low * math.exp(ratio * fraction) for fraction in fractions]
        else:
            raw = [self.low + (self.high - self.low) * fraction for fraction in fractions]
        return tuple(dict.fromkeys(self.snap(value) for value in raw))

    def snap(self, value: float) -> int | float:
        """Return the member of the range that is nearest to `value`."""
        step = self.step or (1.0 if self.type == "integer" else None)
        if step is not None:
            steps = math.floor((self.high - self.low) / step + 1e-9)
            value = self.low + step * min(max(round((value - self.low) / step), 0), steps)
        value = min(max(value, self.low), self.high)
        # Ten significant digits: 0.7 + 3 × 0.05 has to read 0.85 on a command line.
        return round(value) if self.type == "integer" else float(f"{value:.10g}")

    @property
    def cardinality(self) -> int | None:
        """How many values the range has; None when they cannot be counted."""
        step = self.step or (1.0 if self.type == "integer" else None)
        return None if step is None else math.floor((self.high - self.low) / step + 1e-9) + 1


def _form(raw: Any) -> str:
    kind = raw.get("type") if isinstance(raw, dict) else getattr(raw, "type", None)
    return "range" if kind in ("integer", "continuous") else "choices"


ParameterSpace: TypeAlias = Annotated[
    Annotated[Choices, Tag("choices")] | Annotated[Range, Tag("range")], Discriminator(_form)
]
"""What a task file may say of one parameter."""


def finite_values(space: "Choices | Range", spread: int = 5) -> tuple[FlagValue, ...]:
    """Return every value of `space`, or `spread` evenly spread ones of a longer range."""
    if isinstance(space, Choices):
        return space.values
    count = space.cardinality
    return space.spread(spread if count is None else max(2, min(count, spread)))


def condition_mistakes(parameters: Mapping[str, "Choices | Range"]) -> list[tuple[str, str]]:
    """Return what is wrong with the `when` of each parameter, by its name."""
    return [
        (name, mistake)
        for name, space in parameters.items()
        for other in space.when
        if (mistake := _condition_mistake(name, other, parameters)) is not None
    ]


def _condition_mistake(
    name: str, other: str, parameters: Mapping[str, "Choices | Range"]
) -> str | None:
    if other not in parameters:
        return f"depends on {other}, which is no parameter of the task"
    if name in _ancestors(other, parameters):
        return f"depends on {other}, which depends on it in turn"
    space = parameters[other]
    if isinstance(space, Choices):
        known = {(type(value), value) for value in space.values}
        for value in parameters[name].when[other]:
            if (type(value), value) not in known:
                return f"waits for {other} = {spell(value)}, which is none of its values"
    return None


def _ancestors(name: str, parameters: Mapping[str, "Choices | Range"]) -> set[str]:
    """Return `name` and every parameter it depends on, directly or through others."""
    found: set[str] = set()
    pending = [name]
    while pending:
        step = pending.pop()
        if step not in found and step in parameters:
            found.add(step)
            pending += parameters[step].when
    return found
