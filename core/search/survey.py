"""What a space holds: how many command lines there are to try, and what is left out and why.

A space that is too large to be gone through is looked at in a sample that is spread evenly over it.
"""

import re
from dataclasses import dataclass
from itertools import islice

from core.search.enumeration import spread
from core.search.space import Space
from core.task import Choices, Configuration, Optimization, finite_values

LIMIT = 10_000
"""Combinations that are gone through one by one; a second or two of work."""

_FIGURES = re.compile(r"\d[\d,.]*")


@dataclass(frozen=True)
class Skip:
    """Why some configurations are not launched."""

    reason: str
    """In a phrase, with the figures of the example."""
    count: int
    example: Configuration


@dataclass(frozen=True)
class Survey:
    """What a space holds."""

    combinations: int | None
    """Of all values with one another; None where a range has no steps."""
    looked_at: int
    """How many of them were gone through."""
    launchable: tuple[Configuration, ...]
    """Those with command lines of their own that nothing speaks against, among those looked at."""
    repeated: int
    """Those whose command line is that of another."""
    skipped: tuple[Skip, ...]
    """Those that are known not to work, by reason, the most frequent first."""

    @property
    def whole(self) -> bool:
        """Whether every combination was looked at."""
        return self.looked_at == self.combinations

    @property
    def distinct(self) -> int | None:
        """How many different command lines may be launched, about where not all were looked at;
        None where they cannot be counted."""
        if self.combinations is None:
            return None
        if not self.looked_at:
            return 0
        return round(self.combinations * len(self.launchable) / self.looked_at)


def searched(optimization: Optimization, space: Space) -> Space:
    """Return the part of the space that the strategy chooses from: a grid thins out ranges."""
    if optimization.strategy != "grid_search":
        return space
    thinned = {
        name: Choices(values=finite_values(values), when=values.when)
        for name, values in space.parameters.items()
    }
    return Space(thinned, space.identity, space.defaults, space.allowed)


def survey(space: Space, limit: int = LIMIT) -> Survey:
    """Go through the space, or through `limit` configurations spread evenly over it."""
    combinations = space.combinations if space.parameters else 0
    few = combinations is not None and combinations <= limit
    configurations = space.grid(spread=limit) if few else islice(spread(space, seed=0), limit)
    repeated = 0
    looked_at: set[Configuration] = set()
    launchable: dict[str, Configuration] = {}
    skipped: dict[str, Skip] = {}
    for configuration in configurations if combinations != 0 else ():
        if configuration in looked_at:
            continue
        looked_at.add(configuration)
        if (reason := space.allowed(configuration)) is not None:
            group = _FIGURES.sub("#", reason)
            known = skipped.get(group, Skip(reason, 0, configuration))
            skipped[group] = Skip(known.reason, known.count + 1, known.example)
        elif space.key(configuration) in launchable:
            repeated += 1
        else:
            launchable[space.key(configuration)] = configuration
    return Survey(
        combinations=combinations,
        looked_at=len(looked_at),
        launchable=tuple(launchable.values()),
        repeated=repeated,
        skipped=tuple(sorted(skipped.values(), key=lambda skip: -skip.count)),
    )
