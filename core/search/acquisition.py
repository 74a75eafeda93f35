"""How promising each candidate is: the improvement to expect, and the odds that it counts.

Improvement is that of the verdict's score over the best feasible configuration so far, or, with
several objectives, of the hypervolume of their logarithms; in draws of all metrics at all levels,
each judged by the verdict's own formulas. A draw that breaks a hard SLO improves nothing. A formula
that is cheaper and nearly as good picks the candidates to draw for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import log

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr, ndtr

from core.search.aim import Aim
from core.search.gaussian_process import Array, Floats
from core.search.surrogate import Belief, Surrogate
from core.task import Objective, Slo, maximised, objective_metric
from core.verdict.arrays import judge_arrays, log_cost, metrics_needed
from core.verdict.front import pareto_front
from core.verdict.hypervolume import Undominated, hypervolume

_DRAWS = 128
_ROOT_TAU = float(np.sqrt(2.0 * np.pi))


@dataclass(frozen=True)
class Incumbent:
    """The best feasible configuration so far, or the front of several objectives, as modelled."""

    front: Array
    """Costs, of which less is better, (points, objectives)."""
    reference: Array
    """The costs beyond which nothing counts, (objectives,)."""

    @classmethod
    def of(cls, surrogate: Surrogate) -> "Incumbent | None":
        """Return the best of the experiments that were feasible, or None without any.

        By what the model makes of each, the SLOs too: the best of many measurements was also the
        luckiest, and of those at the edge of an SLO some only seemed to hold it.
        """
        observations = surrogate.observations
        feasible = observations.feasible
        if not feasible:
            return None
        aim = observations.aim
        if not surrogate.metrics.keys() >= set(_needed(surrogate)):
            known = [c for n in feasible if np.isfinite(c := observations.costs(n)).all()]
            return cls.among(np.array(known)) if known else None
        figures = {
            metric: np.exp(model.believe_told().mean[feasible])
            for metric, model in surrogate.metrics.items()
        }
        slo = aim.slo if observations.by_level else Slo()
        judged = judge_arrays(figures, slo, aim.objective, aim.also)
        return cls.among(judged.costs[judged.feasible]) if judged.feasible.any() else None

    @classmethod
    def among(cls, costs: Floats) -> "Incumbent":
        """Return the best of feasible costs, (points, objectives).

        Several objectives are held against the worst that was feasible in each, and a tenth more:
        whatever lies between counts, and the ends of the front do not count without end.
        """
        known = costs.astype(np.float64)
        if known.shape[1] == 1:
            return cls(known, known.min(axis=0))
        front = pareto_front([(row, tuple(known[row])) for row in range(len(known))])
        return cls(known[list(front)], known.max(axis=0) + log(1.1))

    @cached_property
    def undominated(self) -> Undominated:
        """Where improvements lie."""
        return Undominated.of(self.front, self.reference)

    @cached_property
    def size(self) -> float:
        """What improvements are shares of: the score, or the front's hypervolume."""
        if len(self.reference) > 1:
            return hypervolume(self.front, self.reference)
        return max(abs(float(self.front.min())), 1e-12)


def _needed(surrogate: Surrogate) -> tuple[str, ...]:
    """Return the metrics that the model has to know to judge as the verdict does."""
    aim, by_level = surrogate.observations.aim, surrogate.observations.by_level
    return metrics_needed(aim.slo if by_level else Slo(), *aim.objectives)


def holding(beliefs: Mapping[str, Belief], aim: Aim) -> Floats:
    """Return the log-probability that every hard SLO holds, (candidates,).

    Levels of one metric err together, so that the worst of them decides; metrics by themselves.
    """
    total: Floats = np.zeros(len(next(iter(beliefs.values())).mean), dtype=np.float32)
    for metric, target in aim.slo.targets().items():
        if target.hard_fail and metric in beliefs:
            belief = beliefs[metric]
            bound = log(target.threshold * (1.0 + target.fail_ratio))
            room = (bound - belief.mean) / belief.deviation
            total = total + log_ndtr(room.min(axis=1))
    return total


def expected_value(beliefs: Mapping[str, Belief], objective: Objective) -> tuple[Floats, Floats]:
    """Return the objective to expect, the mean over levels, and its deviation, (candidates,)."""
    belief = beliefs[objective_metric(objective)]
    levels = np.exp(belief.mean + 0.5 * belief.deviation**2)
    return levels.mean(axis=1), (levels * belief.deviation).mean(axis=1)


def roughly(beliefs: Mapping[str, Belief], aim: Aim, incumbent: Incumbent) -> Floats:
    """Return the expected improvement of normal objectives without soft SLOs, (candidates,).

    Box by box, a product over objectives that are taken to be independent.
    """
    boxes = incumbent.undominated
    factors = []
    for place, objective in enumerate(aim.objectives):
        mean, deviation = expected_value(beliefs, objective)
        if aim.also:
            mean, deviation = log_cost(mean, objective), deviation / mean
        elif maximised(objective):
            mean = -mean
        factors.append(_share(mean, deviation, boxes.lower[:, place], boxes.upper[:, place]))
    total = np.prod(factors, axis=0).sum(axis=1)
    improvement: Floats = np.maximum(total, 0.0)
    return improvement


def _share(mean: Floats, deviation: Floats, lower: Array, upper: Array) -> Floats:
    """Return by how much a normal figure is to be expected below `upper`, above `lower` apart."""
    bounds, places = np.unique(np.concatenate([lower, upper]), return_inverse=True)
    below = np.zeros((len(mean), len(bounds)), dtype=mean.dtype)
    for column, bound in enumerate(bounds):
        if np.isfinite(bound):
            gap = (bound - mean) / deviation
            density = np.exp(-0.5 * gap * gap) / _ROOT_TAU
            below[:, column] = deviation * (gap * ndtr(gap) + density)
    return below[:, places[len(lower) :]] - below[:, places[: len(lower)]]


def drawn(
    beliefs: Mapping[str, Belief], aim: Aim, incumbent: Incumbent, rng: np.random.Generator
) -> Array:
    """Return the expected improvement that holds the hard SLOs, (candidates,), by drawing."""
    if any(metric not in beliefs for metric in metrics_needed(aim.slo, *aim.objectives)):
        return np.zeros(len(next(iter(beliefs.values())).mean))
    figures: dict[str, npt.NDArray[np.floating]] = {}
    for metric, belief in beliefs.items():
        half = rng.standard_normal((_DRAWS // 2, 1, belief.mean.shape[1]))
        errors = np.concatenate([half, -half]) @ _root(belief.correlation).T
        errors = errors.astype(belief.mean.dtype)
        figures[metric] = np.exp(belief.mean + belief.deviation * errors)
    judged = judge_arrays(figures, aim.slo, aim.objective, aim.also)
    gains = np.where(judged.feasible, incumbent.undominated.improvement(judged.costs), 0.0)
    expected: Array = gains.mean(axis=0)
    return expected


def _root(correlation: Array) -> Array:
    values, vectors = np.linalg.eigh(correlation)
    root: Array = vectors * np.sqrt(np.maximum(values, 0.0))
    return root
