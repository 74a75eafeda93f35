"""What was told, as numbers: where each experiment lies, and what it measured on the log scale.

Most tasks measure the same load levels with every configuration, so that every level of a metric is
an output of its own: sub-rounds before a crash or an early end teach as well as any. Where
experiments have no levels in common (the load is searched for each configuration), the objective's
value is the one output, and whether the SLOs held is a label.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf

import numpy as np

from core.events import Experiment, FailureKind, Outcome
from core.search.aim import Aim
from core.search.axes import ABSENT, Array, Axis, Value
from core.search.points import place_of
from core.task import Configuration
from core.verdict import objective_metric
from core.verdict.arrays import metrics_needed

_SAYS_NOTHING = {FailureKind.ENVIRONMENT, FailureKind.CLIENT_BOUND}
"""Failures that are not the configuration's."""

_ENDED = {Outcome.OK, Outcome.INFEASIBLE, Outcome.PRUNED, Outcome.FAILED}


@dataclass(frozen=True)
class Observations:
    """Experiments that teach something about their configurations, in the order of telling."""

    axes: tuple[Axis, ...]
    aim: Aim
    experiments: tuple[Experiment, ...]

    @classmethod
    def of(cls, axes: tuple[Axis, ...], aim: Aim, told: Sequence[Experiment]) -> "Observations":
        """Keep what teaches."""
        known = {axis.name for axis in axes}
        return cls(
            axes,
            aim,
            tuple(
                experiment
                for experiment in told
                if experiment.outcome in _ENDED
                and experiment.configuration.keys() <= known
                and (experiment.failure is None or experiment.failure.kind not in _SAYS_NOTHING)
            ),
        )

    def __len__(self) -> int:
        return len(self.experiments)

    @cached_property
    def places(self) -> list[tuple[Value, ...]]:
        """The values of every experiment's parameters, by axis."""
        return [values_of(self.axes, e.configuration) for e in self.experiments]

    @cached_property
    def by_level(self) -> bool:
        """Whether all experiments measured the same load levels."""
        levels: dict[int, object] = {}
        for experiment in self.experiments:
            if experiment.verdict is not None and not experiment.sub_rounds:
                return False
            for sub_round in experiment.sub_rounds:
                if levels.setdefault(sub_round.index, sub_round.level) != sub_round.level:
                    return False
        return True

    @cached_property
    def figures(self) -> dict[str, Array]:
        """Logarithms by metric, (experiments, levels); NaN is not measured.

        Metrics that nobody has measured are left out.
        """
        objective = self.aim.objective
        if not self.by_level:
            values = [None if e.verdict is None else e.verdict.value for e in self.experiments]
            found = {objective_metric(objective): _logarithms([[v] for v in values])}
        else:
            count = 1 + max((s.index for e in self.experiments for s in e.sub_rounds), default=-1)
            found = {}
            for metric in metrics_needed(self.aim.slo, objective):
                rows: list[list[float | None]] = []
                for experiment in self.experiments:
                    row: list[float | None] = [None] * count
                    for sub_round in experiment.sub_rounds:
                        row[sub_round.index] = sub_round.metric(metric)
                    rows.append(row)
                found[metric] = _logarithms(rows)
        return {
            metric: array[:, ~np.isnan(array).all(axis=0)]
            for metric, array in found.items()
            if not np.isnan(array).all()
        }

    @cached_property
    def served(self) -> Array:
        """1 where the server answered to the end, −1 where it failed; (experiments,)."""
        return np.array([-1.0 if e.outcome is Outcome.FAILED else 1.0 for e in self.experiments])

    @cached_property
    def held(self) -> Array:
        """1 where the verdict is feasible, −1 where not, NaN without a verdict; (experiments,)."""
        return np.array(
            [
                np.nan if e.verdict is None else 1.0 if e.verdict.feasible else -1.0
                for e in self.experiments
            ]
        )

    @cached_property
    def feasible(self) -> list[int]:
        """Which experiments were measured whole, and held the SLOs."""
        return [
            number
            for number, experiment in enumerate(self.experiments)
            if experiment.outcome is Outcome.OK
            and experiment.verdict is not None
            and experiment.verdict.feasible
        ]

    def score(self, number: int) -> float:
        """Return the verdict's score of an experiment; infinite without one."""
        verdict = self.experiments[number].verdict
        return inf if verdict is None or verdict.score is None else verdict.score


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


def _logarithms(rows: Sequence[Sequence[float | None]]) -> Array:
    figures = np.array(
        [[np.nan if figure is None else figure for figure in row] for row in rows], dtype=np.float64
    ).reshape(len(rows), len(rows[0]) if rows else 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(figures > 0, np.log(figures), np.nan)
