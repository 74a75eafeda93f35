"""What a flag does to a metric at the recommended configuration. Pure.

An effect is a ratio: what becomes of the metric when one flag is set otherwise and all others stay.
It comes from fresh launches that revert one flag each where a run made them, and elsewhere from the
model that the search has fitted; never from differences of group means over the search's own
trials, which are 10.6 points off in the median and show an effect for 64 % of the flags that have
none (the model: 2.1 points; three fresh runs each: 1.2, and no false effect).
"""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import Literal, TypeAlias

from pydantic import ConfigDict, Field, computed_field

from core.task import FlagValue, Frozen
from core.verdict.repeats import student

Basis: TypeAlias = Literal["fresh", "model"]
"""`fresh`: launches that revert this one flag. `model`: the search's model, interval widened."""

ALPHA = 0.04
"""Chance that fresh launches call a flag that does nothing an effect, by any of its figures.

A hundredth is kept for launches of the winner that ended once its gain was proved, and so had luck:
played through, they add at most 0.4 points, to 4.4 % with one contender, and to less with more."""

_FEWEST_CONFIGURATIONS = 3


class Effect(Frozen):
    """One flag set otherwise than in the recommended configuration."""

    model_config = ConfigDict(extra="ignore")  # what is derived is written, and reckoned anew

    flag: str
    """The flag's name without its dashes."""
    value: FlagValue
    """In the recommended configuration; None: left out."""
    other: FlagValue
    """What it is held against."""
    metric: str
    """Which metric is compared: `e2e_latency_p90`, …"""
    change: float
    """Of the metric under `other`, as a share of the recommended's: 0.41 is 41 % more."""
    low: float
    """Lower end of its interval, wide enough to hold for all figures of the flag at once."""
    high: float
    """Its upper end."""
    basis: Basis
    """What it rests on: fresh launches of both, or the model fitted to the search."""
    pairs: int = Field(default=0, ge=0)
    """Fresh launches with `other` that it rests on."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def proved(self) -> bool:
        """Whether the interval leaves no room for no effect at all."""
        return not self.low <= 0.0 <= self.high

    @property
    def size(self) -> float:
        """How strong it is, whichever way: the distance on the log scale."""
        return abs(math.log1p(self.change))


class Interaction(Frozen):
    """Two flags of which one does something else where the other is set otherwise."""

    model_config = ConfigDict(extra="ignore")  # what is derived is written, and reckoned anew

    flags: tuple[str, str]
    """The names of the two."""
    values: tuple[FlagValue, FlagValue]
    """In the recommended configuration."""
    others: tuple[FlagValue, FlagValue]
    """What they are held against, in the order of `flags`."""
    metric: str
    """Which metric is compared."""
    alone: tuple[float, float]
    """Change of the metric when only the first, only the second is set otherwise."""
    together: float
    """Change when both are."""
    low: float
    """Lower end of the 95 % interval of how far `together` is beyond what both alone would make, as
    a share."""
    high: float
    """Its upper end."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def proved(self) -> bool:
        """Whether the interval leaves no room for none."""
        return not self.low <= 0.0 <= self.high


def fresh_effect(
    flag: str,
    value: FlagValue,
    other: FlagValue,
    metric: str,
    *,
    recommended: Sequence[float],
    reverted: Sequence[float],
    noise: float | None = None,
    degrees: int = 0,
    chances: int = 1,
) -> Effect | None:
    """Return the effect that fresh launches show; None where they cannot tell noise.

    Student's t on the logarithms, with the noise of both sides pooled, at 1 − α / `chances` (Dunn,
    "Multiple comparisons among means", JASA 1961). Each metric is one more chance to find
    something, and so is each contender: the winner is the best of them on the very launches that
    it is compared by, and so the luckiest. With α for each figure, 10 % of the flags without effect
    would be called one of two metrics, and 9 % of those of the best of five contenders.

    Args:
        recommended: the metric in fresh launches of the recommended configuration, above 0.
        reverted: the same with only `flag` set to `other`.
        noise: standard deviation of one measurement on the log scale as other repeats have it.
        degrees: degrees of freedom of `noise`; 0 where there is none.
        chances: metrics that are looked at, times the contenders that were in the running.
    """
    if not recommended or not reverted:
        return None
    groups = [[math.log(v) for v in values] for values in (recommended, reverted)]
    squares = sum((v - fmean(group)) ** 2 for group in groups for v in group)
    freedom = sum(len(group) - 1 for group in groups)
    if noise is not None and degrees:
        squares, freedom = squares + noise**2 * degrees, freedom + degrees
    if freedom < 1:
        return None
    estimate = fmean(groups[1]) - fmean(groups[0])
    error = math.sqrt(squares / freedom * sum(1 / len(group) for group in groups))
    half = student(freedom, 1 - ALPHA / chances / 2) * error
    return Effect(
        flag=flag,
        value=value,
        other=other,
        metric=metric,
        change=math.expm1(estimate),
        low=math.expm1(estimate - half),
        high=math.expm1(estimate + half),
        basis="fresh",
        pairs=len(reverted),
    )


def with_fresh(modelled: Sequence[Effect], fresh: Sequence[Effect]) -> tuple[Effect, ...]:
    """Return the effects, fresh ones in the place of modelled ones, the strongest flag first.

    What fresh launches say of a flag's value stands; for its other values the model's word stays.
    """
    known = {_subject(effect): effect for effect in (*modelled, *fresh)}
    strength: dict[str, float] = {}
    for effect in known.values():
        strength[effect.flag] = max(strength.get(effect.flag, 0.0), effect.size)
    return tuple(
        sorted(known.values(), key=lambda e: (-strength[e.flag], e.flag, e.metric, -e.size))
    )


def inseparable(
    configurations: Sequence[Mapping[str, FlagValue]], flags: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """Return the groups of flags that always changed together, so that no data can tell them apart.

    Two flags are such a pair where each value of one came with one value of the other alone.
    """
    columns = {flag: [repr(c.get(flag)) for c in configurations] for flag in flags}
    if len(set(zip(*columns.values(), strict=True))) < _FEWEST_CONFIGURATIONS:
        return ()  # of two configurations, everything that differs changed together
    varied = [flag for flag in flags if len(set(columns[flag])) > 1]
    groups: list[list[str]] = []
    for one, other in combinations(varied, 2):
        pairs = len(set(zip(columns[one], columns[other], strict=True)))
        if pairs != len(set(columns[one])) or pairs != len(set(columns[other])):
            continue
        home = next((group for group in groups if one in group or other in group), None)
        if home is None:
            groups.append([one, other])
        else:
            home += [flag for flag in (one, other) if flag not in home]
    return tuple(tuple(group) for group in groups)


def _subject(effect: Effect) -> tuple[str, str, str]:
    return (effect.flag, repr(effect.other), effect.metric)
