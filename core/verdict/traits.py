"""What some configurations have in common that others lack, and whether chance explains it. Pure.

A trait is a condition on one flag, or two conditions that have to come together. Every trait is
held against an exact test, so that two cases are called two cases: the one-sided p-value of
Fisher's test is the chance that, had failing nothing to do with the trait, at least so many of the
failures would have it (Fisher, "The Design of Experiments", 1935). It is given beside the number of
traits that were tried, for whoever tries twenty finds one at 5 %.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple, TypeAlias

from pydantic import ConfigDict, Field, computed_field

from core.task import FlagValue, Frozen

Values: TypeAlias = Mapping[str, FlagValue]
"""Every flag that varies, with its value; None: left out, and nobody knows what stands in."""

PROVED = 0.05
"""A trait whose p-value times the number of traits tried is up to this is no chance find."""

_WORTH_TELLING = 0.8
"""Least share of the failures that a trait has to cover."""

_FEWEST_FOR_PAIRS = 3
"""Failures below which some pair of values is shared whatever the cause."""


class Condition(Frozen):
    """A statement about one flag."""

    flag: str
    """The flag's name without its dashes."""
    relation: Literal["=", "≥", "≤"]
    """How its value relates to `value`."""
    value: FlagValue
    """What it is held against; null: left out."""


class _Table(NamedTuple):
    """Conditions that have to come together, and who has them all."""

    conditions: tuple[Condition, ...]
    members: int
    """A bit for each configuration, the failures' the lowest."""


class Trait(Frozen):
    """What failures share, counted among distinct configurations."""

    model_config = ConfigDict(extra="ignore")  # what is derived is written, and reckoned anew

    conditions: tuple[Condition, ...]
    """All of them together."""
    failed: int
    """Failures that have it."""
    failures: int
    """Failures that were compared."""
    succeeded: int
    """Successes that have it."""
    successes: int
    """Successes that were compared."""
    p_value: float
    """Exact, one-sided: the chance of at least so many by chance alone."""
    tried: int = Field(ge=1)
    """How many traits were held against the test; what the p-value is to be multiplied by."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def support(self) -> float:
        """Share of the failures that have it."""
        return self.failed / self.failures

    @computed_field  # type: ignore[prop-decorator]
    @property
    def lift(self) -> float:
        """How many times as often those that have it fail, against all that were compared."""
        having = self.failed + self.succeeded
        return (self.failed / having) / (self.failures / (self.failures + self.successes))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def exclusive(self) -> bool:
        """Whether every failure has it and no success."""
        return self.failed == self.failures and self.succeeded == 0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def proved(self) -> bool:
        """Whether chance is ruled out, the number of traits tried counted in."""
        return self.p_value * self.tried <= PROVED


def traits(failures: Sequence[Values], successes: Sequence[Values]) -> tuple[Trait, ...]:
    """Return the traits worth telling, the most telling first; none where nothing can be told.

    Traits that the same configurations have are one finding, told in the fewest words; a pair of
    conditions is told only where it says clearly more than each of them.

    Args:
        failures: one entry for each distinct configuration.
        successes: likewise.
    """
    if not failures or not successes:
        return ()
    everybody = [*failures, *successes]
    # Lists and no mappings: conditions on 1 and on true are equal to Python.
    single = [*_conditions(everybody)]
    failing = (1 << len(failures)) - 1
    tables = [*single]
    if len(failures) >= _FEWEST_FOR_PAIRS and all(table.members != failing for table in single):
        least = _WORTH_TELLING * len(failures)
        usable = [table for table in single if (table.members & failing).bit_count() >= least]
        tables += [
            _Table((*one.conditions, *other.conditions), one.members & other.members)
            for one, other in combinations(usable, 2)
            if one.conditions[0].flag != other.conditions[0].flag
        ]
    found = {}
    for place, (conditions, members) in enumerate(tables):
        failed = (members & failing).bit_count()
        succeeded = members.bit_count() - failed
        if failed < _WORTH_TELLING * len(failures):
            continue
        found[place] = Trait(
            conditions=conditions,
            failed=failed,
            failures=len(failures),
            succeeded=succeeded,
            successes=len(successes),
            p_value=fisher(failed, len(failures), succeeded, len(successes)),
            tried=len(tables),
        )
    telling = [(trait, tables[n].members) for n, trait in found.items() if _tells(trait)]
    telling.sort(
        key=lambda told: (
            told[0].p_value,
            len(told[0].conditions),
            told[0].conditions[0].relation != "=",
        )
    )
    return tuple(_without_echoes(telling))


def fisher(failed: int, failures: int, succeeded: int, successes: int) -> float:
    """Return the one-sided p-value of Fisher's exact test: the hypergeometric upper tail.

    Args:
        failed: failures that have the trait, of all `failures`.
        succeeded: successes that have it, of all `successes`.
    """
    having, lacking = failed + succeeded, failures + successes - failed - succeeded
    likeliest = (having + 1) * (failures + 1) // (having + lacking + 2)
    first = max(failed, likeliest)  # the largest term: what is next to it may be 0 to a float
    logarithm = _log_ways(having, first) + _log_ways(lacking, failures - first)
    largest = math.exp(logarithm - _log_ways(having + lacking, failures))
    total, chance = 0.0, largest
    for k in range(first, min(failures, having) + 1):
        total += chance
        chance *= (having - k) * (failures - k) / ((k + 1) * (lacking - failures + k + 1))
    chance = largest
    for k in range(first, failed, -1):
        chance *= k * (lacking - failures + k) / ((having - k + 1) * (failures - k + 1))
        total += chance
    return min(1.0, total)


def _log_ways(number: int, chosen: int) -> float:
    """Return the logarithm of the binomial coefficient: exact ones of thousands take seconds."""
    return math.lgamma(number + 1) - math.lgamma(chosen + 1) - math.lgamma(number - chosen + 1)


def _conditions(configurations: Sequence[Values]) -> Iterator[_Table]:
    """Yield every condition that divides the configurations, with those that have it."""
    for flag in dict.fromkeys(flag for values in configurations for flag in values):
        having: dict[tuple[type, FlagValue], int] = {}
        for place, values in enumerate(configurations):
            key = (type(values.get(flag)), values.get(flag))
            having[key] = having.get(key, 0) | 1 << place
        if len(having) < 2:
            continue
        for (_, value), members in having.items():
            yield _Table((Condition(flag=flag, relation="=", value=value),), members)
        by_number: dict[int | float, int] = {}
        for (_, value), members in having.items():
            if isinstance(value, int | float) and _is_number(value):
                by_number[value] = by_number.get(value, 0) | members
        numbers = sorted(by_number.items())
        whole = sum(members for _, members in numbers)
        below = 0
        for place, (value, members) in enumerate(numbers):
            if 0 < place < len(numbers) - 1:
                least = Condition(flag=flag, relation="≥", value=value)
                yield _Table((least,), whole & ~below)
                most = Condition(flag=flag, relation="≤", value=value)
                yield _Table((most,), below | members)
            below |= members


def _tells(trait: Trait) -> bool:
    if trait.support < _WORTH_TELLING or trait.lift <= 1.0:
        return False
    if len(trait.conditions) == 2:
        return trait.exclusive or trait.proved
    return trait.exclusive or trait.p_value <= PROVED


def _without_echoes(telling: Sequence[tuple[Trait, int]]) -> Iterator[Trait]:
    """Yield the traits, but for those that only repeat a better one on the same flag."""
    told: list[tuple[set[str], int]] = []
    for trait, members in telling:
        flags = {condition.flag for condition in trait.conditions}
        echo = False
        for others, theirs in told:
            within = not members & ~theirs or not trait.exclusive
            echo |= flags < others or (flags >= others and (len(flags) > 1 or within))
        if not echo:
            told.append((flags, members))
            yield trait


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
