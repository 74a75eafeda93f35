"""The first experiments: single changes from the baseline, each to the far end of one parameter.

They never move two flags at once, so that each teaches what its flag does, and together they are
the main-effect screen that the model and the report build on. Where the baseline itself fails,
every second one is a point far from all others instead: there may be nothing worth staying near.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from core.search.axes import Axis, Value, is_number
from core.search.observations import values_of
from core.search.points import ABSENT_PLACE, Points, Rows, place_of
from core.search.space import same

MOST_SCREENED = 7
_SPREAD_AMONG = 500
"""Random points among which the one farthest from all others is taken."""


class Opening:
    """The opening's rows, in order."""

    def __init__(self, points: Points, seed: int, budget: int) -> None:
        self.points = points
        self.home = home(points)
        self.length = min(len(points.axes), MOST_SCREENED, max(1, budget // 3))
        self._seed = seed

    def screen(self) -> list[tuple[Rows, str]]:
        """Return single changes from home, with what each looks at."""
        rng = np.random.default_rng((self._seed, 1))
        found: list[tuple[Rows, str]] = []
        for number in rng.permutation(len(self.points.axes)).tolist():
            change = self._far_end(number, rng)
            if change is not None:
                axis = self.points.axes[number]
                found.append((change, f"first look at {axis.name}"))
        return found[: self.length]

    def rows(
        self, *, crashed: bool, tried: Sequence[Sequence[Value]]
    ) -> Iterator[tuple[Rows, str]]:
        """Yield the opening; half of it far from everything `tried` where the baseline crashed."""
        screen = self.screen()
        if not crashed:
            yield from screen
            return
        rng = np.random.default_rng((self._seed, 2))
        taken = [self._coordinates(place) for place in tried[:1]]
        for number, step in enumerate(screen):
            if number % 2:
                row = self._farthest(taken, rng)
                step = (row, "far from everything tried, as the defaults fail")
            taken.append(self._coordinates(self._places(step[0])))
            yield step

    def _far_end(self, number: int, rng: np.random.Generator) -> Rows | None:
        axis = self.points.axes[number]
        if self.home[number] == ABSENT_PLACE:
            return self._brought_in(number, rng)
        distances = axis.squared_distances(axis.values[self.home[number]])[:-1].copy()
        farthest = np.flatnonzero(distances > distances.max() - 1e-9)
        if distances.max() < 1e-9:
            return None
        changed = self.home.copy()
        changed[number] = rng.choice(farthest)
        return self._resolved(changed)

    def _brought_in(self, number: int, rng: np.random.Generator) -> Rows | None:
        """Return home with a parameter that waits for others brought in by setting those."""
        changed = self.home.copy()
        axis = self.points.axes[number]
        for other, accepted in axis.space.when.items():
            place = next(n for n, a in enumerate(self.points.axes) if a.name == other)
            values = self.points.axes[place].values
            fitting = [p for p, v in enumerate(values) if place_of(accepted, v) is not None]
            if not fitting:
                return None
            changed[place] = fitting[0] if changed[place] not in fitting else changed[place]
        changed[number] = rng.integers(len(axis.values))
        return self._resolved(changed)

    def _resolved(self, row: Rows) -> Rows:
        resolved: Rows = self.points.without_absent(row[None, :])[0]
        return resolved

    def _farthest(self, taken: Sequence[np.ndarray], rng: np.random.Generator) -> Rows:
        rows = self.points.draw(_SPREAD_AMONG, rng)
        coordinates = np.array([self._coordinates(self._places(row)) for row in rows])
        nearest = np.min([((coordinates - other) ** 2).sum(axis=1) for other in taken], axis=0)
        chosen: Rows = rows[int(nearest.argmax())]
        return chosen

    def _places(self, row: Rows) -> tuple[Value, ...]:
        return values_of(self.points.axes, self.points.configuration(row))

    def _coordinates(self, places: Sequence[Value]) -> np.ndarray:
        return np.concatenate(
            [axis.coordinates(v) for axis, v in zip(self.points.axes, places, strict=True)]
        )


def home(points: Points) -> Rows:
    """Return the point of the space that is nearest to the engine's defaults."""
    places = [_nearest_to_default(axis) for axis in points.axes]
    row: Rows = points.without_absent(np.array([places], dtype=np.int16))[0]
    return row


def _nearest_to_default(axis: Axis) -> int:
    for wanted in (None, axis.default, False):
        for place, value in enumerate(axis.values):
            if same(value, wanted):
                return place
    if is_number(axis.default):
        return int(axis.squared_distances(axis.default)[:-1].argmin())
    return len(axis.values) // 2 if all(map(is_number, axis.values)) else 0
