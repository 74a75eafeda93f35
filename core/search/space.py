"""The configurations that may be tried: every combination of the parameters' values, once each.

Two configurations are one point when their final command lines are equal, so the space is told how
to spell a configuration. A parameter that waits for values of others is left out elsewhere. What
is known beforehand not to work is told as a rule, and never proposed.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product

from core.task import Choices, Configuration, FlagValue, Range, finite_values

Identity = Callable[[Configuration], str]
"""Returns the command line of a configuration, as one text; equal texts are one point."""

Rule = Callable[[Configuration], str | None]
"""Returns why a configuration need not be tried, in a phrase; None when it may be."""


def no_rule(_: Configuration) -> str | None:
    """Allow every configuration."""
    return None


@dataclass(frozen=True)
class Space:
    """The parameters and their values, and what makes two configurations the same."""

    parameters: Mapping[str, Choices | Range]
    """In the order of the task; only those that have values, and can take part somewhere."""
    identity: Identity
    defaults: Mapping[str, FlagValue] = field(default_factory=dict)
    """What the engine assumes for a flag that is left out, where that is known."""
    allowed: Rule = no_rule
    _seen: dict[Configuration, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        parameters: Mapping[str, Choices | Range],
        identity: Identity,
        defaults: Mapping[str, FlagValue] | None = None,
        allowed: Rule = no_rule,
    ) -> "Space":
        """Return the space of `parameters`; those that can take no value take no part."""
        kept = {
            name: values
            for name, values in parameters.items()
            if isinstance(values, Range) or values.values
        }
        while orphans := [
            name for name, values in kept.items() if values.when.keys() - kept.keys()
        ]:
            for name in orphans:
                del kept[name]
        return cls(kept, identity, defaults or {}, allowed)

    def knowing(self, defaults: Mapping[str, FlagValue]) -> "Space":
        """Return the same space, with more of what the engine assumes for flags left out."""
        return replace(self, defaults={**self.defaults, **defaults})

    def key(self, configuration: Configuration) -> str:
        """Return the command line that stands for the configuration."""
        if configuration not in self._seen:
            self._seen[configuration] = self.identity(configuration)
        return self._seen[configuration]

    @cached_property
    def ordered(self) -> list[str]:
        """The parameters' names, each after those it waits for."""
        names: list[str] = []
        while len(names) < len(self.parameters):
            names += [
                name
                for name, values in self.parameters.items()
                if name not in names and all(other in names for other in values.when)
            ]
        return names

    def active(self, name: str, values: Mapping[str, FlagValue]) -> bool:
        """Return whether a parameter takes part, given the `values` of those it waits for."""
        return all(
            other in values and any(same(values[other], value) for value in accepted)
            for other, accepted in self.parameters[name].when.items()
        )

    def resolve(self, values: Mapping[str, FlagValue]) -> Configuration:
        """Return the configuration of these values, without those of parameters not taking part.

        Raises:
            KeyError: a parameter that takes part has no value.
        """
        taking: dict[str, FlagValue] = {}
        for name in self.ordered:
            if self.active(name, taking):
                taking[name] = values[name]
        return Configuration({name: taking[name] for name in self.parameters if name in taking})

    @property
    def combinations(self) -> int | None:
        """How many combinations there are, equal command lines counted apart; None: uncountable."""
        sizes = {name: cardinality(values) for name, values in self.parameters.items()}
        awaited = {other for values in self.parameters.values() for other in values.when}
        # How many combinations there are for each way to set the parameters that others wait for.
        ways: Counter[Configuration] = Counter({Configuration(): 1})
        for name in self.ordered:
            size = sizes[name]
            if size is None:
                return None
            further: Counter[Configuration] = Counter()
            for setting, count in ways.items():
                if not self.active(name, setting):
                    further[setting] += count
                elif name in awaited:
                    for value in finite_values(self.parameters[name], size):
                        further[setting | {name: value}] += count
                else:
                    further[setting] += count * size
            ways = further
        return ways.total()

    def grid(self, spread: int = 5) -> Iterator[Configuration]:
        """Yield every combination once, ranges thinned out to `spread` values; last key fastest."""
        names = list(self.parameters)
        values = [finite_values(space, spread) for space in self.parameters.values()]
        conditional = any(space.when for space in self.parameters.values())
        seen: set[Configuration] = set()
        for combination in product(*values):
            configuration = Configuration(dict(zip(names, combination, strict=True)))
            if conditional:
                configuration = self.resolve(configuration)
                if configuration in seen:
                    continue
                seen.add(configuration)
            yield configuration

    def at(self, fractions: Mapping[str, float]) -> Configuration:
        """Return the configuration at these places of the unit cube, one number in [0, 1) each."""
        return self.resolve(
            {name: pick(space, fractions[name]) for name, space in self.parameters.items()}
        )


def same(left: object, right: object) -> bool:
    """Return whether two flag values are the same value of the same type."""
    return type(left) is type(right) and left == right


def cardinality(values: Choices | Range) -> int | None:
    """Return how many values a parameter has; None when they cannot be counted."""
    return len(values.values) if isinstance(values, Choices) else values.cardinality


def pick(space: Choices | Range, fraction: float) -> FlagValue:
    """Return the value at `fraction` of the way through the values, equal shares for each."""
    if isinstance(space, Choices):
        return space.values[min(int(fraction * len(space.values)), len(space.values) - 1)]
    if space.log:
        return space.snap(space.low * math.exp(fraction * math.log(space.high / space.low)))
    return space.snap(space.low + fraction * (space.high - space.low))
