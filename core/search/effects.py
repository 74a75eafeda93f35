"""What each flag does at the recommended configuration, by the model of everything measured.

Differences of group means over a search's experiments are not effects: the search goes where it is
good, so that every flag inherits what the others did. Here each other value of each parameter is
held against the recommended one, all else equal, in a Gaussian process of the metric's logarithm.
What the process is like is uncertain as well, where experiments are few: it is averaged over. And
intervals are widened, because those of a process cover less than they say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import expm1, inf

import numpy as np

from core.events import Experiment, SubRound
from core.search.axes import ABSENT, Array, Axis, Value, axes_of
from core.search.gaussian_process import Fit, Process, standardise
from core.search.observations import defaults_in_force, values_of
from core.search.one_thread import one_thread
from core.search.space import Space, same
from core.search.surrogate import METRIC_PRIOR, Told
from core.task import Configuration, FlagValue, Frozen

FEWEST = 5
"""Experiments that have to have measured the metric before anything is said."""
_WIDENED = 1.5 * 1.645
"""Deviations to each end of an interval: those of 90 %, half as wide again."""
_DRAWS = 16
"""Kernels that are averaged over."""
_MOST_PAIRS = 400
_AMONG_PAIRS = 1.5 * _WIDENED
"""Deviations beyond which an interaction is told: whoever tries many pairs finds some."""
_FEWEST_TOGETHER = 2
"""Experiments that have to have measured both values at once, or the model guesses."""


class Effect(Frozen):
    """What another value of one parameter does to the metric at the recommended configuration."""

    parameter: str
    value: FlagValue
    instead_of: FlagValue
    """The recommended value; None: the flag is left out."""
    change: float
    """As a share of the metric's figure: 0.12 is 12 % more."""
    interval: tuple[float, float]
    """Where the change lies, as shares."""
    tried: int
    """Experiments with this value that measured the metric; 0: it is inferred from others."""
    inseparable_from: tuple[str, ...] = ()
    """Parameters that changed in the same experiments alone, so that either may have done it."""

    @property
    def certain(self) -> bool:
        """Whether the interval excludes no change."""
        return self.interval[0] > 0 or self.interval[1] < 0


class Interaction(Frozen):
    """What two changes do together beyond what each does alone."""

    parameters: tuple[str, str]
    values: tuple[FlagValue, FlagValue]
    change: float
    """As a share of what both effects would come to."""
    interval: tuple[float, float]


class LocalEffects(Frozen):
    """Every effect at one configuration, the largest first."""

    metric: str
    level: int | None
    """Index of the load level; None: the mean over all."""
    at: Configuration
    experiments: int
    """Those that measured the metric."""
    effects: tuple[Effect, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    """Only those that are certain, and larger than what one of the two flags does alone."""
    inseparable: tuple[tuple[str, ...], ...] = ()
    """Parameters that always moved together."""
    unmoved: tuple[str, ...] = ()
    """Parameters that had one value in all the experiments: nothing is known of them."""
    lacking: str | None = None
    """Why there are no effects, in a phrase."""


@one_thread
def local_effects(
    space: Space,
    experiments: Sequence[Experiment],
    at: Configuration,
    metric: str,
    level: int | None = None,
) -> LocalEffects:
    """Return what each other value of each parameter does to `metric` at a configuration.

    Args:
        at: the recommended configuration.
        metric: `e2e_latency_p90`, `total_throughput_per_gpu`, …
        level: index of a load level; None for the mean over all of them.
    """
    axes = axes_of(space.knowing(defaults_in_force(experiments)))
    known = {axis.name for axis in axes}
    figures = [(e, _figure(e, metric, level)) for e in experiments]
    measured = [(e, f) for e, f in figures if f is not None and e.configuration.keys() <= known]
    found = LocalEffects(metric=metric, level=level, at=at, experiments=len(measured))
    places = [values_of(axes, experiment.configuration) for experiment, _ in measured]
    here = values_of(axes, at)
    moved = [axis for n, axis in enumerate(axes) if len({_hashed(p[n]) for p in places}) > 1]
    found = found.model_copy(
        update={"unmoved": tuple(axis.name for axis in axes if axis not in moved)}
    )
    if len(measured) < FEWEST or not moved:
        return found.model_copy(update={"lacking": _lacking(len(measured))})
    inseparable = _inseparable(axes, places)
    posterior = _Posterior(axes, places, np.log([figure for _, figure in measured]), here)
    together = {name: group for group in inseparable for name in group}
    effects: list[Effect] = []
    for change in _changes(axes, here):
        axis = axes[change.number]
        if axis in moved:
            others = (name for name in together.get(axis.name, ()) if name != axis.name)
            effects.append(
                Effect(
                    parameter=axis.name,
                    value=change.value,
                    instead_of=at.get(axis.name),
                    change=expm1(posterior.mean(change.place)),
                    interval=posterior.interval(change.place),
                    tried=sum(_has(place, change) for place in places),
                    inseparable_from=tuple(others),
                )
            )
    effects.sort(key=lambda effect: -abs(np.log1p(effect.change)))
    return found.model_copy(
        update={
            "effects": tuple(effects),
            "inseparable": inseparable,
            "interactions": _interactions(axes, here, moved, places, posterior),
        }
    )


def _lacking(count: int) -> str:
    if count < FEWEST:
        return f"only {count} experiments measured it, and a model needs {FEWEST}"
    return "no parameter was ever changed"


def _figure(experiment: Experiment, metric: str, level: int | None) -> float | None:
    """Return a positive figure, or None where it was not measured."""
    if level is None and not experiment.measured:
        return None
    chosen: list[SubRound] = [s for s in experiment.sub_rounds if level in {None, s.index}]
    figures = [sub_round.metric(metric) for sub_round in chosen]
    known = [figure for figure in figures if figure is not None]
    if not known or len(known) < len(figures) or min(known) <= 0:
        return None
    return sum(known) / len(known)


@dataclass(frozen=True)
class _Change:
    number: int
    value: FlagValue
    place: tuple[Value, ...]


def _changes(axes: Sequence[Axis], here: tuple[Value, ...]) -> list[_Change]:
    """Return every single change from `here`."""
    return [
        _Change(number, value, (*here[:number], value, *here[number + 1 :]))
        for number, axis in enumerate(axes)
        if here[number] is not ABSENT
        for value in axis.values
        if not _equal(value if value is not None else axis.default, here[number])
        and not _equal(value, here[number])
    ]


def _has(place: tuple[Value, ...], change: _Change) -> bool:
    """Return whether a place has the value that the change sets."""
    return _equal(place[change.number], change.place[change.number])


class _Posterior:
    """Processes of the metric, conditioned; everything relative to one place."""

    def __init__(
        self,
        axes: Sequence[Axis],
        places: Sequence[tuple[Value, ...]],
        logarithms: Array,
        here: tuple[Value, ...],
    ) -> None:
        self._axes = axes
        self._places = places
        self._here = here
        standard, _, scale = standardise(logarithms[:, None], limit=inf)
        self._scale = float(scale[0])
        told = Told(axes, places)
        kernels = Fit(told.squared, standard, METRIC_PRIOR, 1.0).draws(_DRAWS, len(places))
        self._processes = [Process(kernel, told.squared, standard) for kernel in kernels]

    def contrast(self, places: Sequence[tuple[Value, ...]], weights: Array) -> tuple[float, float]:
        """Return mean and deviation of a weighted sum of log figures."""
        count = len(self._places)
        squared = Told(self._axes, [*self._places, *places]).squared
        means, variances = [], []
        for process in self._processes:
            cross = process.covariance(squared[:, count:, :count])
            prior = process.covariance(squared[:, count:, count:])
            mean, covariance = process.joint(cross, prior)
            means.append(float(weights @ mean))
            variances.append(max(0.0, float(weights @ covariance @ weights)))
        deviation = (np.mean(variances) + np.var(means)) ** 0.5
        return self._scale * float(np.mean(means)), self._scale * float(deviation)

    def mean(self, place: tuple[Value, ...]) -> float:
        """Return the log-change from here to a place."""
        return self.contrast([self._here, place], np.array([-1.0, 1.0]))[0]

    def interval(self, place: tuple[Value, ...]) -> tuple[float, float]:
        """Return the widened interval of the change, as shares."""
        return widened(*self.contrast([self._here, place], np.array([-1.0, 1.0])))

    def interaction(
        self, one: tuple[Value, ...], other: tuple[Value, ...], both: tuple[Value, ...]
    ) -> tuple[float, float]:
        """Return mean and deviation of what both changes do beyond their sum."""
        return self.contrast([self._here, one, other, both], np.array([1.0, -1.0, -1.0, 1.0]))


def widened(mean: float, deviation: float) -> tuple[float, float]:
    """Return the interval of a log-change as shares."""
    return expm1(mean - _WIDENED * deviation), expm1(mean + _WIDENED * deviation)


def _interactions(
    axes: Sequence[Axis],
    here: tuple[Value, ...],
    moved: Sequence[Axis],
    places: Sequence[tuple[Value, ...]],
    posterior: _Posterior,
) -> tuple[Interaction, ...]:
    changes = [c for c in _changes(axes, here) if axes[c.number] in moved]
    pairs = [(a, b) for a, b in combinations(changes, 2) if a.number != b.number]
    found: list[tuple[float, Interaction]] = []
    alone = {id(change): abs(posterior.mean(change.place)) for change in changes}
    for one, other in pairs[:_MOST_PAIRS]:
        both = tuple(
            other.place[n] if n == other.number else value for n, value in enumerate(one.place)
        )
        mean, deviation = posterior.interaction(one.place, other.place, both)
        least = min(alone[id(one)], alone[id(other)])
        together = sum(_has(place, one) and _has(place, other) for place in places)
        if together >= _FEWEST_TOGETHER and abs(mean) > max(least, _AMONG_PAIRS * deviation):
            interaction = Interaction(
                parameters=(axes[one.number].name, axes[other.number].name),
                values=(one.value, other.value),
                change=expm1(mean),
                interval=widened(mean, deviation),
            )
            found.append((abs(mean), interaction))
    found.sort(key=lambda pair: -pair[0])
    return tuple(interaction for _, interaction in found)


def _inseparable(
    axes: Sequence[Axis], places: Sequence[tuple[Value, ...]]
) -> tuple[tuple[str, ...], ...]:
    """Return the groups of parameters whose values changed in the same experiments alone."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for number, axis in enumerate(axes):
        # Numbered by first appearance: equal where two parameters split the experiments alike.
        numbered: dict[object, int] = {}
        pattern = tuple(numbered.setdefault(_hashed(p[number]), len(numbered)) for p in places)
        if len(numbered) > 1:
            groups.setdefault(pattern, []).append(axis.name)
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)


def _hashed(value: Value) -> object:
    return (type(value), value)


def _equal(left: Value, right: Value) -> bool:
    return left is right or same(left, right)
