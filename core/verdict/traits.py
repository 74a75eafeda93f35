"""What some configurations have in common that others lack, and whether chance explains it. Pure.

A trait is a condition on one flag, or two conditions that have to come together. Every trait is
held against an exact test, so that two cases are called two cases: the one-sided p-value of
Fisher's test is the chance that, had failing nothing to do with the trait, at least so many of the
failures would have it (Fisher, "The Design of Experiments", 1935). It is given beside the number of
traits that were tried, for whoever tries twenty finds one at 5 %.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import comb
from typing import Literal, TypeAlias

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

_Table: TypeAlias = "tuple[tuple[Condition, ...], tuple[int, int]]"
"""A trait's conditions, and how many failures and successes have it."""


class Condition(Frozen):
    """A statement about one flag."""

    flag: str
    """The flag's name without its dashes."""
    relation: Literal["=", "≥", "≤"]
    """How its value relates to `value`."""
    value: FlagValue
    """What it is held against; null: left out."""

    def holds(self, values: Values) -> bool:
        """Return whether it is true of a configuration."""
        value = values.get(self.flag)
        if self.relation == "=":
            return type(value) is type(self.value) and value == self.value
        if not _is_number(value):
            return False
        assert isinstance(value, int | float)
        assert isinstance(self.value, int | float)
        return value >= self.value if self.relation == "≥" else value <= self.value


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
    # Lists and no mappings: conditions on 1 and on true are equal to Python.
    single = list(_conditions([*failures, *successes]))
    counted = [((condition,), _count((condition,), failures, successes)) for condition in single]
    explained = any(table == (len(failures), 0) for _, table in counted)
    tables: list[_Table] = [*counted]
    if len(failures) >= _FEWEST_FOR_PAIRS and not explained:
        least = _WORTH_TELLING * len(failures)
        usable = [condition for (condition,), (failed, _) in counted if failed >= least]
        tables += [
            (pair, _count(pair, failures, successes))
            for pair in combinations(usable, 2)
            if pair[0].flag != pair[1].flag
        ]
    found = [
        Trait(
            conditions=conditions,
            failed=failed,
            failures=len(failures),
            succeeded=succeeded,
            successes=len(successes),
            p_value=fisher(failed, len(failures), succeeded, len(successes)),
            tried=len(tables),
        )
        for conditions, (failed, succeeded) in tables
    ]
    telling = [trait for trait in found if _tells(trait)]
    telling.sort(key=lambda t: (t.p_value, len(t.conditions), t.conditions[0].relation != "="))
    return tuple(_without_echoes(telling, failures, successes))


def fisher(failed: int, failures: int, succeeded: int, successes: int) -> float:
    """Return the one-sided p-value of Fisher's exact test: the hypergeometric upper tail.

    Args:
        failed: failures that have the trait, of all `failures`.
        succeeded: successes that have it, of all `successes`.
    """
    having, everybody = failed + succeeded, failures + successes
    ways = sum(
        comb(having, k) * comb(everybody - having, failures - k)
        for k in range(failed, min(failures, having) + 1)
    )
    return ways / comb(everybody, failures)


def _conditions(configurations: Sequence[Values]) -> Iterator[Condition]:
    """Yield every condition that divides the configurations."""
    for flag in dict.fromkeys(flag for values in configurations for flag in values):
        seen = {(type(v.get(flag)), v.get(flag)): v.get(flag) for v in configurations}
        if len(seen) < 2:
            continue
        yield from (Condition(flag=flag, relation="=", value=value) for value in seen.values())
        numbers = sorted(v for v in seen.values() if isinstance(v, int | float) and _is_number(v))
        for lower in numbers[1:-1]:
            yield Condition(flag=flag, relation="≥", value=lower)
            yield Condition(flag=flag, relation="≤", value=lower)


def _count(
    conditions: tuple[Condition, ...], failures: Sequence[Values], successes: Sequence[Values]
) -> tuple[int, int]:
    def having(group: Sequence[Values]) -> int:
        return sum(all(c.holds(values) for c in conditions) for values in group)

    return having(failures), having(successes)


def _tells(trait: Trait) -> bool:
    if trait.support < _WORTH_TELLING or trait.lift <= 1.0:
        return False
    if len(trait.conditions) == 2:
        return trait.exclusive or trait.proved
    return trait.exclusive or trait.p_value <= PROVED


def _without_echoes(
    telling: Sequence[Trait], failures: Sequence[Values], successes: Sequence[Values]
) -> Iterator[Trait]:
    """Yield the traits, but for those that only repeat a better one on the same flag."""
    told: list[Trait] = []
    everybody = [*failures, *successes]
    for trait in telling:
        flags = {condition.flag for condition in trait.conditions}
        members = _members(trait, everybody)
        echo = False
        for earlier in told:
            others = {condition.flag for condition in earlier.conditions}
            within = members <= _members(earlier, everybody) or not trait.exclusive
            echo |= flags < others or (flags >= others and (len(flags) > 1 or within))
        if not echo:
            told.append(trait)
            yield trait


def _members(trait: Trait, everybody: Sequence[Values]) -> set[int]:
    return {
        place
        for place, values in enumerate(everybody)
        if all(condition.holds(values) for condition in trait.conditions)
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
