"""Coordinate descent: every value of one parameter, then of the next, the rest as at the best.

What many people do by hand. When a whole round improves nothing, it goes on far from what it knows.
"""

from collections.abc import Iterator
from random import Random

import numpy as np

from core.events import Experiment, Outcome
from core.search.enumeration import spread
from core.search.opening import home
from core.search.points import ABSENT_PLACE, Points, Rows
from core.search.space import Space
from core.search.strategy import Proposal, Tried
from core.task import Configuration
from core.verdict import rank_key


class OneAtATime:
    """Changes one parameter of the best configuration at a time."""

    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._seed = seed
        self._points = Points(space)
        self._home = home(self._points)
        self._order = list(range(len(self._points.axes)))
        Random(seed).shuffle(self._order)
        self._tried = Tried()
        self._best: Experiment | None = None
        self._turn = 0
        """Where in the order the parameter stands that is being varied."""

    def ask(self) -> Proposal | None:
        """Return the next change of the best configuration that is new."""
        for configuration, reason in self._wanted():
            if self._space.allowed(configuration) is None and self._tried.add(
                self._space.key(configuration)
            ):
                return Proposal(configuration=configuration, reason=reason)
        return None

    def tell(self, experiment: Experiment) -> None:
        """Start from this experiment from now on, if it is the best so far."""
        self._tried.add(self._space.key(experiment.configuration))
        row = self._points.row(experiment.configuration)
        if row is not None and len(changed := np.flatnonzero(row != self._base())) == 1:
            self._turn = self._order.index(int(changed[0]))
        if experiment.outcome not in {Outcome.OK, Outcome.INFEASIBLE}:
            return
        if self._best is None or rank_key(experiment.verdict) < rank_key(self._best.verdict):
            self._best = experiment

    def _wanted(self) -> Iterator[tuple[Configuration, str]]:
        points = self._points
        if not points.axes:
            return
        base = self._base()
        yield points.configuration(base), "where single changes start from"
        for number in self._order[self._turn :] + self._order[: self._turn]:
            if base[number] == ABSENT_PLACE:
                continue
            axis = points.axes[number]
            for place in range(len(axis.values)):
                changed = base.copy()
                changed[number] = place
                row = points.without_absent(changed[None, :])[0]
                yield points.configuration(row), f"another {axis.name}"
        for configuration in spread(self._space, self._seed):
            yield configuration, "no single change improves the best: somewhere else"

    def _base(self) -> Rows:
        """Return the best configuration, or the point nearest to the defaults."""
        row = None if self._best is None else self._points.row(self._best.configuration)
        return self._home if row is None else row
