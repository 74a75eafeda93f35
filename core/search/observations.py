"""What was told, as numbers: where each experiment lies, and what it measured on the log scale.

Most tasks measure the same load levels with every configuration, so that every level of a metric is
an output of its own: sub-rounds before a crash or an early end teach as well as any. Where
the load is searched for each configuration, the objective's value is the one output, and whether
the SLOs held is a label.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

import numpy as np

from core.events import Experiment, FailureKind, Outcome
from core.search.aim import Aim
from core.search.axes import ABSENT, Array, Axis, Value
from core.search.points import place_of
from core.task import LOAD_OBJECTIVES, STATISTICS, Configuration, FlagValue, Level
from core.verdict import objective_metric
from core.verdict.arrays import metrics_needed
from core.verdict.front import costs_of

_SAYS_NOTHING = {FailureKind.ENVIRONMENT, FailureKind.CLIENT_BOUND}
"""Failures that are not the configuration's."""

RECALLED_NOISE = 10.0
"""How much more the figures of an earlier task scatter about this one's: variance, as a factor."""

_TAILS = {statistic for statistic in STATISTICS if statistic not in {"mean", "p50"}}

_ENDED = {Outcome.OK, Outcome.INFEASIBLE, Outcome.PRUNED, Outcome.FAILED}


@dataclass(frozen=True)
class Observations:
    """Experiments that teach something about their configurations, in the order of telling."""

    axes: tuple[Axis, ...]
    aim: Aim
    experiments: tuple[Experiment, ...]
    recalled: int = 0
    """How many of them, the first, are of earlier tasks: they teach, but none of them counts."""

    @classmethod
    def of(
        cls,
        axes: tuple[Axis, ...],
        aim: Aim,
        told: Sequence[Experiment],
        recalled: Sequence[Experiment] = (),
    ) -> "Observations":
        """Keep what teaches; of what is recalled, what was measured as what is told is."""
        known = {axis.name for axis in axes}

        def teaches(experiment: Experiment) -> bool:
            failure = experiment.failure
            return (
                experiment.outcome in _ENDED
                and experiment.configuration.keys() <= known
                and (failure is None or failure.kind not in _SAYS_NOTHING)
            )

        levels = _levels(told)
        earlier = [
            e
            for e in recalled
            if teaches(e) and (not levels or _levels([e]).items() <= levels.items())
        ]
        return cls(axes, aim, (*earlier, *filter(teaches, told)), len(earlier))

    def __len__(self) -> int:
        return len(self.experiments)

    def first(self, count: int) -> "Observations":
        """Return those of the first so many experiments."""
        if count == len(self):
            return self
        return replace(self, experiments=self.experiments[:count])

    @cached_property
    def places(self) -> list[tuple[Value, ...]]:
        """The values of every experiment's parameters, by axis."""
        return [values_of(self.axes, e.configuration) for e in self.experiments]

    @cached_property
    def by_level(self) -> bool:
        """Whether all experiments measured the same load levels."""
        if self.aim.objective in LOAD_OBJECTIVES:
            return False
        levels = _levels(self.experiments)
        return all(
            (experiment.verdict is None or experiment.sub_rounds)
            and all(
                sub_round.level == levels[sub_round.index] for sub_round in experiment.sub_rounds
            )
            for experiment in self.experiments
        )

    @cached_property
    def figures(self) -> dict[str, Array]:
        """Logarithms by metric, (experiments, levels); NaN is not measured.

        Metrics that nobody has measured are left out.
        """
        if not self.by_level:
            found = {
                objective_metric(objective): _logarithms(
                    [[_value(e, place)] for e in self.experiments]
                )
                for place, objective in enumerate(self.aim.objectives)
            }
        else:
            found = {
                metric: self.by_levels(metric)
                for metric in metrics_needed(self.aim.slo, *self.aim.objectives)
            }
        return {
            metric: array[:, ~np.isnan(array).all(axis=0)]
            for metric, array in found.items()
            if not np.isnan(array).all()
        }

    def means(self, metric: str) -> Array | None:
        """Return the figures' means where the metric is a tail of theirs, shaped as `figures` are.

        None where it is no tail, or where no mean is known beside it.
        """
        family, _, statistic = metric.rpartition("_")
        if statistic not in _TAILS or not self.by_level:
            return None
        tails = self.by_levels(metric)
        kept = ~np.isnan(tails).all(axis=0)
        means = self.by_levels(f"{family}_mean")[:, kept]
        return None if np.isnan(means + tails[:, kept]).all(axis=0).any() else means

    def by_levels(self, metric: str) -> Array:
        """Return the logarithms of a metric, (experiments, levels); NaN is not measured."""
        count = 1 + max((s.index for e in self.experiments for s in e.sub_rounds), default=-1)
        rows: list[list[float | None]] = []
        for experiment in self.experiments:
            row: list[float | None] = [None] * count
            for sub_round in experiment.sub_rounds:
                row[sub_round.index] = sub_round.metric(metric)
            rows.append(row)
        return _logarithms(rows)

    @cached_property
    def served(self) -> Array:
        """1 where the server answered to the end, −1 where it failed; (experiments,)."""
        return np.array([-1.0 if e.outcome is Outcome.FAILED else 1.0 for e in self.experiments])

    @cached_property
    def noise(self) -> Array:
        """Factor on the variance of every experiment's noise, (experiments,)."""
        noise = np.ones(len(self.experiments))
        noise[: self.recalled] = RECALLED_NOISE
        return noise

    @cached_property
    def held(self) -> Array:
        """1 where the verdict is feasible, −1 where not; (experiments,)."""
        return np.array(
            [
                1.0 if e.verdict is not None and e.verdict.feasible else -1.0
                for e in self.experiments
            ]
        )

    @cached_property
    def feasible(self) -> list[int]:
        """Which experiments were measured whole, and held the SLOs."""
        return [
            number
            for number, experiment in enumerate(self.experiments)
            if number >= self.recalled
            and experiment.outcome is Outcome.OK
            and experiment.verdict is not None
            and experiment.verdict.feasible
        ]

    def costs(self, number: int) -> tuple[float, ...]:
        """Return what the search lowers, as the verdict of an experiment has it; or infinity."""
        verdict = self.experiments[number].verdict
        costs = None if verdict is None else costs_of(verdict)
        return costs or (inf,) * len(self.aim.objectives)


def _value(experiment: Experiment, place: int) -> float | None:
    """Return what an experiment's objective at this place came to."""
    values = experiment.verdict.values if experiment.verdict is not None else ()
    return values[place] if place < len(values) else None


def _levels(experiments: Sequence[Experiment]) -> dict[int, Level]:
    """Return the load levels that were measured first, by index."""
    levels: dict[int, Level] = {}
    for experiment in experiments:
        for sub_round in experiment.sub_rounds:
            levels.setdefault(sub_round.index, sub_round.level)
    return levels


def values_of(axes: Sequence[Axis], configuration: Configuration) -> tuple[Value, ...]:
    """Return the values by axis of any configuration, a flag left out being at its default."""
    taking: dict[str, Value] = {}
    for axis in axes:
        awaited = axis.space.when.items()
        if all(place_of(accepted, taking[other]) is not None for other, accepted in awaited):
            value = configuration.get(axis.name)
            given = axis.name in configuration or place_of(axis.values, None) is not None
            taking[axis.name] = value if given else axis.default
        else:
            taking[axis.name] = ABSENT
    return tuple(taking[axis.name] for axis in axes)


def defaults_in_force(experiments: Iterable[Experiment]) -> dict[str, FlagValue]:
    """Return what the server says that flags are which it was not given, by its first account."""
    known: dict[str, FlagValue] = {}
    for experiment in experiments:
        account = experiment.in_force
        for argument in account.arguments if account is not None else ():
            if argument.asked is None and argument.in_force is not None:
                known.setdefault(argument.flag, argument.in_force)
    return known


def _logarithms(rows: Sequence[Sequence[float | None]]) -> Array:
    figures = np.array(
        [[np.nan if figure is None else figure for figure in row] for row in rows], dtype=np.float64
    ).reshape(len(rows), len(rows[0]) if rows else 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(figures > 0, np.log(figures), np.nan)
