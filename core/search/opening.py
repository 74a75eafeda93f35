"""The first experiments: single changes, each to the far end of one parameter.

The first is a change of the baseline, and so is every other until one turned out better than where
it started from: from then on changes start there. No two flags ever move at once, so that each
experiment teaches what its flag does, and together they are the main-effect screen that the model
and the report build on. Where the baseline itself fails, every second experiment is a point far
from all others instead: there may be nothing worth staying near.

Source: Frey et al., "A role for one-factor-at-a-time experimentation in parameter design" (2003).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.events import Experiment, Outcome
from core.search.axes import Array, Axis, is_number
from core.search.observations import values_of
from core.search.points import ABSENT_PLACE, Points, Rows, place_of
from core.search.space import same
from core.task import Configuration
from core.verdict import rank_key

MOST_SCREENED = 7
_SPREAD_AMONG = 500
"""Random points among which the one farthest from all others is taken."""


@dataclass(frozen=True)
class Step:
    """One experiment of the opening."""

    row: Rows
    reason: str


class Opening:
    """What to look at first."""

    def __init__(self, points: Points, seed: int, budget: int) -> None:
        self.points = points
        self.home = home(points)
        self._seed = seed
        self._order = np.random.default_rng((seed, 1)).permutation(len(points.axes)).tolist()
        self._length = min(len(points.axes), MOST_SCREENED, max(1, budget // 3))

    def steps(self, told: Sequence[Experiment], pending: Sequence[Configuration]) -> list[Step]:
        """Return the steps that may come next, the first that is new to be taken."""
        known = [experiment.configuration for experiment in told]
        # Before anything is told, the baseline is on its way: it counts as the point next to it.
        start = [] if told else [self.home]
        rows = [*start, *(self._row(c) for c in [*known, *pending])]
        taken = len(rows) - 1
        if taken >= self._length:
            return []
        lost = bool(told) and all(e.outcome is Outcome.FAILED for e in told)
        if lost and taken % 2:
            return [Step(self._farthest(rows), "far from what was tried, as the defaults fail")]
        base = self._base(told)
        seen = _looked_at(rows)
        steps = [self._change(base, number) for number in self._order if number not in seen]
        return [step for step in steps if step is not None]

    def _base(self, told: Sequence[Experiment]) -> Rows:
        """Return what the next change starts from: the best so far."""
        judged = [e for e in told if e.outcome in {Outcome.OK, Outcome.INFEASIBLE}]
        best = min(judged, key=lambda e: (rank_key(e.verdict), e.number), default=None)
        return self.home if best is None else self._row(best.configuration)

    def _row(self, configuration: Configuration) -> Rows:
        """Return the point at a configuration, or nearest to it."""
        row = self.points.row(configuration)
        if row is not None:
            return row
        places = [
            -1 if name is None else name
            for name in (
                place_of(axis.values, value)
                for axis, value in zip(
                    self.points.axes, values_of(self.points.axes, configuration), strict=True
                )
            )
        ]
        mixed = np.where(np.array(places) >= 0, places, self.home).astype(np.int16)
        resolved: Rows = self.points.without_absent(mixed[None, :])[0]
        return resolved

    def _change(self, base: Rows, number: int) -> Step | None:
        """Return `base` with one parameter at its far end, and those it waits for as it needs."""
        rng = np.random.default_rng((self._seed, 2, number))
        axis = self.points.axes[number]
        changed = base.copy()
        if base[number] == ABSENT_PLACE:
            if not self._bring_in(changed, axis):
                return None
            changed[number] = rng.integers(len(axis.values))
        else:
            distances = axis.squared_distances(axis.values[base[number]])[:-1]
            if distances.max() < 1e-9:
                return None
            changed[number] = rng.choice(np.flatnonzero(distances > distances.max() - 1e-9))
        resolved: Rows = self.points.without_absent(changed[None, :])[0]
        return Step(resolved, f"first look at {axis.name}")

    def _bring_in(self, row: Rows, axis: Axis) -> bool:
        """Set what `axis` waits for, and return whether that is possible."""
        for other, accepted in axis.space.when.items():
            place = next(n for n, a in enumerate(self.points.axes) if a.name == other)
            values = self.points.axes[place].values
            fitting = [p for p, v in enumerate(values) if place_of(accepted, v) is not None]
            if not fitting:
                return False
            if row[place] not in fitting:
                row[place] = fitting[0]
        return True

    def _farthest(self, rows: Sequence[Rows]) -> Rows:
        rng = np.random.default_rng((self._seed, 3, len(rows)))
        drawn = self.points.draw(_SPREAD_AMONG, rng)
        taken = self._coordinates(np.array(rows))
        squared = ((self._coordinates(drawn)[:, None, :] - taken[None, :, :]) ** 2).sum(axis=2)
        farthest: Rows = drawn[int(squared.min(axis=1).argmax())]
        return farthest

    def _coordinates(self, rows: Rows) -> Array:
        return np.hstack(
            [axis.table[rows[:, n] % len(axis.table)] for n, axis in enumerate(self.points.axes)]
        )


def _looked_at(rows: Sequence[Rows]) -> set[int]:
    """Return the parameters by which alone two of the rows differ."""
    found: set[int] = set()
    for place, row in enumerate(rows):
        for other in rows[:place]:
            differing = np.flatnonzero(row != other)
            if len(differing) == 1:
                found.add(int(differing[0]))
    return found


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
