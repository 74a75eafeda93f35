"""The configurations of a space as rows of numbers, for a model to look at all of them at once.

A row holds, for each parameter, the place of its value among the axis' values; −1 where the
parameter takes no part.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from core.search.axes import Axis, Value, axes_of
from core.search.space import Space, same
from core.task import Configuration, FlagValue

Rows: TypeAlias = npt.NDArray[np.int16]

ABSENT_PLACE = -1


class Points:
    """A space's configurations by rows of places."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.axes: tuple[Axis, ...] = axes_of(space)
        self._place = {axis.name: number for number, axis in enumerate(self.axes)}

    def enumerate(self, limit: int) -> Rows | None:
        """Return every row, or None when there are more than `limit`."""
        rows: Rows = np.zeros((1, 0), dtype=np.int16)
        for number in range(len(self.axes)):
            active = self._active(rows, number)
            count = len(self.axes[number].values)
            if int(active.sum()) * count + int((~active).sum()) > limit:
                return None
            taking = np.repeat(rows[active], count, axis=0)
            places = np.tile(np.arange(count, dtype=np.int16), int(active.sum()))
            absent = np.full((int((~active).sum()), 1), ABSENT_PLACE, dtype=np.int16)
            rows = np.vstack(
                [np.column_stack([taking, places]), np.column_stack([rows[~active], absent])]
            ).astype(np.int16)
        return rows if self.axes else rows[:0]

    def draw(self, count: int, rng: np.random.Generator) -> Rows:
        """Return random rows."""
        drawn = np.column_stack(
            [rng.integers(len(axis.values), size=count) for axis in self.axes]
        ).astype(np.int16)
        return self.without_absent(drawn)

    def neighbours(self, row: Rows, changes: int) -> Rows:
        """Return every row that differs from `row` in at most so many parameters; some repeat."""
        found = [row]
        for count in range(1, changes + 1):
            for chosen in combinations(range(len(self.axes)), count):
                values = [np.arange(len(self.axes[number].values)) for number in chosen]
                grid = np.array(np.meshgrid(*values, indexing="ij")).reshape(count, -1).T
                changed = np.repeat(row[None, :], len(grid), axis=0)
                changed[:, list(chosen)] = grid
                found.append(changed)
        return self.without_absent(np.vstack(found))

    def without_absent(self, rows: Rows) -> Rows:
        """Return the rows with parameters that take no part left out, and those that do put in.

        A parameter that comes to take part takes its first value.
        """
        resolved = rows.copy()
        for number in range(len(self.axes)):
            active = self._active(resolved, number)
            resolved[~active, number] = ABSENT_PLACE
            resolved[active & (resolved[:, number] == ABSENT_PLACE), number] = 0
        return resolved

    def configuration(self, row: Rows) -> Configuration:
        """Return the configuration of a row."""
        values = {
            axis.name: axis.values[place]
            for axis, place in zip(self.axes, row.tolist(), strict=True)
            if place != ABSENT_PLACE
        }
        return Configuration(
            {name: values[name] for name in self.space.parameters if name in values}
        )

    def row(self, configuration: Configuration) -> Rows | None:
        """Return the row of a configuration, or None where it is none of the points."""
        places: list[int] = []
        for axis in self.axes:
            if axis.name not in configuration:
                if self.space.active(axis.name, configuration):
                    return None
                places.append(ABSENT_PLACE)
                continue
            place = place_of(axis.values, configuration[axis.name])
            if place is None:
                return None
            places.append(place)
        return np.array(places, dtype=np.int16)

    def _active(self, rows: Rows, number: int) -> npt.NDArray[np.bool_]:
        """Return in which rows the parameters before `number` let it take part."""
        active = np.ones(len(rows), dtype=np.bool_)
        for other, accepted in self.axes[number].space.when.items():
            parent = self._place[other]
            values = self.axes[parent].values
            places = [p for p, v in enumerate(values) if place_of(accepted, v) is not None]
            active &= np.isin(rows[:, parent], places)
        return active


def place_of(values: Sequence[FlagValue], value: Value) -> int | None:
    """Return where `value` stands among `values`, by type as well; None where it does not."""
    return next((place for place, known in enumerate(values) if same(known, value)), None)
