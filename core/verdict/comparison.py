"""Whether a configuration is better than the defaults: what fresh launches prove. Pure.

Measurements made while searching prove nothing about the best of them: of thirty equal
configurations measured with 3 % noise, the best looks 6 % better than it is. So the contenders and
the defaults are launched again in turns, A-B-A-B, and only those measurements count.

Everything is done on the logarithm of the objective, where noise is a share of the figure and a
gain is a difference. The noise is estimated from all arms together, or from the two compared where
those are noisier; Student's t of each contender against the defaults is then corrected for having
had the choice among all of them (Dunnett, "A multiple comparison procedure for comparing several
treatments with a control", JASA 1955; with a single contender it is the ordinary one-sided t-test).
A look is taken at three repeats a side and, while nothing is decided, at five and at seven, each at
α = 2 %: all equal, that announces a gain in 4.5 % of studies with one contender, 3.3 % with three
and 3.0 % with five (40,000 played through each; at 2.5 % a look, 5.5 % with one).

A GPU that warms up slows down. The defaults go first in every turn, so that what drift does within
a turn works against the contenders.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias, TypeVar

import numpy as np
import scipy  # its parts are imported at first use

from core.verdict.repeats import LOOKS, mean_log, pooled_noise, student

K = TypeVar("K", bound=Hashable)

ALPHA = 0.02
"""Chance, at each look, that any of several equals is called better: the end of a 96 % interval."""

Finding: TypeAlias = Literal["better", "worse", "indistinct"]


@dataclass(frozen=True)
class Difference:
    """How far one contender is above the defaults, on the log scale; positive is better."""

    estimate: float
    """Difference of the means of the logarithms."""
    error: float
    """Its standard error."""
    noise: float
    """Standard deviation of one measurement, about as a share of it."""
    degrees: int
    """Degrees of freedom of the noise."""
    repeats: tuple[int, ...]
    """Repeats of every contender, this one first."""
    control: int
    """Repeats of the defaults."""
    maximised: bool
    """Whether more of the objective is better, which says what a gain is a share of."""

    @property
    def gain(self) -> float:
        """The improvement as a share of the defaults' figure: 0.25 is a quarter."""
        return self._share(self.estimate)

    def interval(self, alpha: float = ALPHA) -> tuple[float, float]:
        """Return both ends of the gain, as shares; the truth is below or above with `alpha` each.

        The ends hold for all contenders at once, so they may be stated of the best of them.
        """
        half = _critical(alpha, self.degrees, self.repeats, self.control) * self.error
        return self._share(self.estimate - half), self._share(self.estimate + half)

    def probability(self, threshold: float = 0.0) -> float:
        """Return the confidence that the gain is above `threshold`, in shares of the defaults.

        One minus the p-value, corrected for the choice among the contenders.
        """
        distance = self.estimate - self._logarithm(threshold)
        if not self.error:
            return 0.5 if not distance else float(distance > 0)
        t = distance / self.error
        return _dunnett(t, self.degrees, self.repeats, self.control)

    def finding(self, threshold: float = 0.0, alpha: float = ALPHA) -> Finding:
        """Return what is proved: the gain is above `threshold`, below it, or neither."""
        low, high = self.interval(alpha)
        if low > threshold:
            return "better"
        return "worse" if high < threshold else "indistinct"

    def _share(self, logarithm: float) -> float:
        return math.expm1(logarithm) if self.maximised else -math.expm1(-logarithm)

    def _logarithm(self, share: float) -> float:
        return math.log1p(share) if self.maximised else -math.log1p(-share)


def differences(
    contenders: Mapping[K, Sequence[float]],
    defaults: Sequence[float],
    *,
    maximised: bool,
    resolution: float = 0.0,
) -> dict[K, Difference]:
    """Return how each contender stands to the defaults, all judged together.

    A contender without a figure is left out; so are all where the repeats cannot tell noise.

    Args:
        contenders: objective values of fresh launches, above 0, in their own unit.
        defaults: the same of the defaults.
        maximised: whether more is better.
        resolution: how closely a figure could be told at all, as a share; repeats do not mend it.
    """
    known = {name: values for name, values in contenders.items() if values}
    noise = pooled_noise([defaults, *known.values()])
    if not defaults or noise is None:
        return {}
    sign = 1.0 if maximised else -1.0
    degrees = sum(len(values) - 1 for values in (defaults, *known.values()))
    counts = {name: len(values) for name, values in known.items()}
    found = {}
    for name, values in known.items():
        others = tuple(count for other, count in counts.items() if other != name)
        # Arms of unequal noise would otherwise lend the noisy one the certainty of the others.
        own = pooled_noise([defaults, values]) or 0.0
        found[name] = Difference(
            estimate=sign * (mean_log(values) - mean_log(defaults)),
            error=math.hypot(
                max(own, noise) * math.sqrt(1 / len(values) + 1 / len(defaults)),
                resolution / math.sqrt(6),  # uniform on either side
            ),
            noise=max(own, noise),
            degrees=degrees,
            repeats=(len(values), *others),
            control=len(defaults),
            maximised=maximised,
        )
    return found


def power(
    gain: float, noise: float, *, contenders: int = 1, looks: Sequence[int] = LOOKS
) -> tuple[float, ...]:
    """Return the chance that a gain has been found by each look, played through 4,000 times.

    Args:
        gain: the true gain of one contender, as a share of a maximised objective.
        noise: standard deviation of one measurement, as a share.
        contenders: how many are compared; the others are taken to be as good as the defaults.
        looks: repeats a side.
    """
    rng = np.random.default_rng(0)
    arms = noise * rng.standard_normal((_PLAYS, contenders + 1, max(looks)))
    arms[:, 1] += math.log1p(gain)
    found = np.zeros(_PLAYS, dtype=bool)
    chances = []
    for repeats in looks:
        seen = arms[:, :, :repeats]
        above = seen[:, 1].mean(axis=1) - seen[:, 0].mean(axis=1)
        variances = seen.var(axis=2, ddof=1)
        own = variances[:, :2].mean(axis=1)
        error = np.sqrt(np.maximum(own, variances.mean(axis=1)) * 2 / repeats)
        degrees = (contenders + 1) * (repeats - 1)
        critical = _critical(ALPHA, degrees, (repeats,) * contenders, repeats)
        found |= above > critical * error
        chances.append(float(found.mean()))
    return tuple(chances)


def detectable(
    noise: float, *, contenders: int = 1, looks: Sequence[int] = LOOKS, chance: float = 0.75
) -> float:
    """Return the gain, as a share, that is found by the last look with this chance."""
    low, high = 0.0, math.expm1(8 * noise)
    while high - low > 1e-3 * noise:
        middle = (low + high) / 2
        found = power(middle, noise, contenders=contenders, looks=looks)[-1] >= chance
        low, high = (low, middle) if found else (middle, high)
    return high


@dataclass(frozen=True)
class Drift:
    """How the figure of one configuration moved in the course of a run."""

    change: float
    """From the first repeat to the last along the fitted line, as a share."""
    low: float
    high: float
    """The ends of its 95 % interval."""
    per_hour: float
    """The same for an hour."""
    repeats: int

    @property
    def proved(self) -> bool:
        """Whether it is more than noise."""
        return not self.low <= 0 <= self.high


def drift(repeats: Sequence[tuple[float, float]]) -> Drift | None:
    """Return the drift of one configuration, or None for fewer than three repeats.

    Least squares of the logarithm over time.

    Args:
        repeats: Unix time and objective value, above 0, of every measurement.
    """
    if len(repeats) < 3:
        return None
    times, values = (np.array(column, dtype=float) for column in zip(*repeats, strict=True))
    span = float(np.ptp(times))
    if span <= 0:
        return None
    x, y = times - times.mean(), np.log(values)
    slope = float(x @ y / (x @ x))
    residual = y - y.mean() - slope * x
    degrees = len(repeats) - 2
    error = math.sqrt(float(residual @ residual) / degrees / float(x @ x))
    half = student(degrees, 0.975) * error
    return Drift(
        change=math.expm1(slope * span),
        low=math.expm1((slope - half) * span),
        high=math.expm1((slope + half) * span),
        per_hour=math.expm1(slope * 3600),
        repeats=len(repeats),
    )


_PLAYS = 4_000

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(48)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_STEPS = (np.arange(200) + 0.5) / 200
"""Quantiles at which the spread of the estimated noise is looked at."""


def _dunnett(t: float, degrees: int, repeats: Sequence[int], control: int) -> float:
    """Return the chance that every contender's t stays below `t` where all equal the defaults.

    Given the defaults' mean (z, standard normal) and the estimated noise (s, in units of the true
    one), the contenders are independent; both are integrated over.
    """
    if len(repeats) == 1 or math.isinf(t):
        return float(scipy.special.stdtr(degrees, t))
    s = np.sqrt(scipy.special.chdtri(degrees, 1.0 - _STEPS) / degrees)[:, None]
    below = np.ones((len(_STEPS), len(_NODES)))
    for count in repeats:
        reach = t * s * math.sqrt(1 / count + 1 / control)
        below *= scipy.special.ndtr(math.sqrt(count) * (_NODES / math.sqrt(control) + reach))
    return float((below @ _WEIGHTS).mean())


@lru_cache(maxsize=256)
def _critical(alpha: float, degrees: int, repeats: tuple[int, ...], control: int) -> float:
    """Return the t that is reached with a chance of `alpha` where all equal the defaults."""
    low = student(degrees, 1 - alpha)
    if len(repeats) == 1:
        return low
    high = student(degrees, 1 - alpha / len(repeats))  # Bonferroni's is never below
    while high - low > 1e-4:
        middle = (low + high) / 2
        enough = _dunnett(middle, degrees, repeats, control) >= 1 - alpha
        low, high = (low, middle) if enough else (middle, high)
    return high
