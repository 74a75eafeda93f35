"""Strategies that learn nothing: the whole grid, and random points."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from random import Random

from core.events import Experiment
from core.search.space import Space
from core.search.strategy import Proposal, Tried
from core.task import Choices, Configuration, finite_values

_DRAWS = 4
"""Points drawn for each point of a finite space before the rest is listed in order."""

_REFUSALS = 10_000
"""Points without end that are refused one after another before the search is given up."""


class InOrder:
    """Proposes configurations in a fixed order, each command line once."""

    def __init__(self, space: Space, order: Iterator[Configuration], reason: str) -> None:
        self._space = space
        self._order = order
        self._reason = reason
        self._tried = Tried()

    def ask(self) -> Proposal | None:
        """Return the next configuration that may be tried and whose command line is new."""
        refused = 0
        for configuration in self._order:
            if self._space.allowed(configuration) is not None:
                refused += 1
                if refused > _REFUSALS and self._space.combinations is None:
                    return None
                continue
            if self._tried.add(self._space.key(configuration)):
                return Proposal(configuration=configuration, reason=self._reason)
        return None

    def tell(self, experiment: Experiment) -> None:
        """Note that the configuration has been measured."""
        self._tried.add(self._space.key(experiment.configuration))


def grid(space: Space, seed: int) -> InOrder:
    """Return a search of the whole grid, ranges thinned out, in an order that spreads.

    Cut short anywhere, it has seen the values of every parameter about equally often; a product in
    its natural order would spend a short budget on the first values alone.
    """
    thinned = {
        name: Choices(values=finite_values(values)) for name, values in space.parameters.items()
    }
    return InOrder(space, spread(replace(space, parameters=thinned), seed), "next of the grid")


def random(space: Space, seed: int) -> InOrder:
    """Return a search of random points without clumps and gaps, and without replacement."""
    return InOrder(space, spread(space, seed), "random")


def spread(space: Space, seed: int) -> Iterator[Configuration]:
    """Yield configurations evenly over the space, some of them more than once.

    A finite space is yielded completely; an uncountable one never ends.
    """
    size = space.combinations
    if not space.parameters or size == 0:
        return
    yield from islice(_low_discrepancy(space, seed), None if size is None else _DRAWS * size)
    yield from space.grid()


def _low_discrepancy(space: Space, seed: int) -> Iterator[Configuration]:
    """Yield the points of a Kronecker sequence: steps by powers of the generalised golden ratio.

    Source: M. Roberts, "The Unreasonable Effectiveness of Quasirandom Sequences" (2018).
    """
    names = list(space.parameters)
    start = [Random(f"{seed}:{place}").random() for place in range(len(names))]
    ratio = _generalised_golden_ratio(len(names))
    steps = [ratio ** -(place + 1) for place in range(len(names))]
    for number in count():
        fractions = [(s + number * step) % 1.0 for s, step in zip(start, steps, strict=True)]
        yield space.at(dict(zip(names, fractions, strict=True)))


def _generalised_golden_ratio(dimensions: int) -> float:
    """Return the positive root of x^(d+1) = x + 1."""
    root = 2.0
    for _ in range(40):
        root = (1.0 + root) ** (1.0 / (dimensions + 1))
    return root
