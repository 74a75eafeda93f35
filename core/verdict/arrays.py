"""The verdict's formulas on arrays: many configurations, or many draws of one, judged at once.

Says the same as `judge`, number for number, of figures that have no sub-round around them: what a
model expects, or a table of measurements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from core.task import Objective, Slo, SloTarget, maximised, objective_metric
from core.verdict.judge import LARGEST_PENALTY

Floats: TypeAlias = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Judgements:
    """What figures of the shape (…, levels) mean, each of the shape (…)."""

    value: Floats
    """The objective in its own unit; NaN where a level lacks it."""
    score: Floats
    """Lower is better."""
    violation: Floats
    """Sum of all SLO violations."""
    feasible: npt.NDArray[np.bool_]
    costs: Floats
    """What a search lowers, (…, objectives): the score; of several objectives, the logarithms with
    the penalties counted, so that a percent of one weighs as a percent of another."""


def metrics_needed(slo: Slo, *objectives: Objective) -> tuple[str, ...]:
    """Return the names of the metrics that a verdict looks at, the objectives' first."""
    return tuple(dict.fromkeys((*map(objective_metric, objectives), *slo.targets())))


def judge_arrays(
    figures: Mapping[str, Floats], slo: Slo, objective: Objective, also: Sequence[Objective] = ()
) -> Judgements:
    """Return what the figures mean.

    Args:
        figures: every metric needed, by name, in the shape (…, levels); NaN is not measured.
        also: the objectives after the first.
    """
    value = figures[objective_metric(objective)].mean(axis=-1)
    feasible = ~np.isnan(value)
    penalties = np.zeros_like(value)
    violations = np.zeros_like(value)
    for metric, target in slo.targets().items():
        violation = slo_violation(figures[metric], target)
        violations += violation
        penalties += _penalty(violation, target.weight, slo.steepness)
        if target.hard_fail:
            broken = np.isnan(figures[metric]).any(axis=-1) | (violation > target.fail_ratio)
            feasible &= ~broken
    base = -value if maximised(objective) else value
    score = base + penalties * np.abs(base)
    if not also:
        return Judgements(value, score, violations, feasible, score[..., None])
    columns = [log_cost(figures[objective_metric(o)].mean(axis=-1), o) for o in (objective, *also)]
    costs = np.stack(columns, axis=-1) + np.log1p(penalties)[..., None]
    feasible &= ~np.isnan(costs).any(axis=-1)
    return Judgements(value, score, violations, feasible, costs)


def log_cost(values: Floats, objective: Objective) -> Floats:
    """Return the logarithm of an objective with the sign that makes less better."""
    logarithms: Floats = np.log(values)
    return -logarithms if maximised(objective) else logarithms


def slo_violation(figures: Floats, target: SloTarget) -> Floats:
    """Return by how much an SLO is broken at the worst level, as a share of its threshold."""
    worst = np.fmax.reduce(figures, axis=-1)
    return np.where(np.isnan(worst), 0.0, np.maximum(0.0, worst / target.threshold - 1.0))


def _penalty(violation: Floats, weight: float, steepness: float) -> Floats:
    exponent = np.minimum(violation / steepness, log(LARGEST_PENALTY))
    return np.where(violation == 0.0, 0.0, weight * np.exp(exponent))
