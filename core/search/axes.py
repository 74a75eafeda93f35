"""Parameters as coordinates: how far apart two values of one parameter are.

Numbers lie on a line from 0 to 1: those of a list at equal steps by rank (page size 1, 16, 64),
those of a range by their place in it. Anything else (`fcfs`, `true`, a flag left out whose default
nobody knows, a flag that takes no part) is as far from every other such value as the ends of the
line are, and stands beside the middle of it. Distances are Euclidean, so that kernels of them are
valid.
"""

from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from core.search.space import Space, same
from core.task import Choices, FlagValue, Range, finite_values

Array: TypeAlias = npt.NDArray[np.float64]

RESOLUTION = 33
"""Places at which a range with more values than this is searched."""

_BESIDE = 0.5**0.5
"""How far off the line a value that is no number stands: two of them are 1 apart."""


class Absent:
    """Stands for the parameter in configurations in which it takes no part."""


ABSENT = Absent()

Value: TypeAlias = "FlagValue | Absent"


@dataclass(frozen=True)
class Axis:
    """One parameter."""

    name: str
    space: Choices | Range
    default: FlagValue
    """What the engine assumes without the flag; None where nobody knows."""

    @cached_property
    def values(self) -> tuple[FlagValue, ...]:
        """The values to choose among."""
        return finite_values(self.space, RESOLUTION)

    @cached_property
    def table(self) -> Array:
        """The coordinates of every value, one a row; the last row is that of no part at all."""
        return np.array([self.coordinates(value) for value in (*self.values, ABSENT)])

    def squared_distances(self, value: Value) -> Array:
        """Return the squared distance of `value` to every row of the table."""
        difference = self.table - self.coordinates(value)
        squared: Array = (difference * difference).sum(axis=1)
        return squared

    def coordinates(self, value: Value) -> Array:
        """Return the place of a value, whether or not it is one of the values to choose among."""
        if value is None:
            value = self.default
        place = self._position(value)
        row = np.zeros(len(self._categories) + 3)
        row[0] = 0.5 if place is None else place
        if place is None:
            row[1 + self._category(value)] = _BESIDE
        return row

    @cached_property
    def _numbers(self) -> Array:
        numbers = {float(v) for v in (*self.values, self.default) if is_number(v)}  # type: ignore[arg-type]
        return np.array(sorted(numbers))

    @cached_property
    def _categories(self) -> tuple[FlagValue, ...]:
        return tuple(v for v in self.values if not is_number(v) and v is not None)

    def _position(self, value: Value) -> float | None:
        if not is_number(value) or not len(self._numbers):
            return None
        number = float(value)  # type: ignore[arg-type]
        if isinstance(self.space, Range):
            low, high = self.space.low, self.space.high
            if self.space.log:
                low, high, number = log(low), log(high), log(max(number, low))
            return min(max((number - low) / (high - low), 0.0), 1.0) if high > low else 0.5
        if len(self._numbers) == 1:
            return 0.5
        ranks = np.linspace(0.0, 1.0, len(self._numbers))
        return float(np.interp(number, self._numbers, ranks))

    def _category(self, value: Value) -> int:
        for place, known in enumerate(self._categories):
            if same(known, value):
                return place
        return len(self._categories) + (value is ABSENT)


def is_number(value: object) -> bool:
    """Return whether a flag's value is a number, which `true` is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def axes_of(space: Space) -> tuple[Axis, ...]:
    """Return the space's parameters, each after those it waits for."""
    return tuple(
        Axis(name, space.parameters[name], space.defaults.get(name)) for name in space.ordered
    )
