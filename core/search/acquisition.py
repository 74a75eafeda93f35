"""How promising each candidate is: the improvement to expect, and the odds that it counts.

Improvement is that of the verdict's score over the best feasible configuration so far, in draws of
all metrics at all levels, each judged by the verdict's own formulas; a draw that breaks a hard SLO
improves nothing. A formula that is cheaper and nearly as good picks the candidates to draw for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr, ndtr

from core.search.aim import Aim
from core.search.gaussian_process import Array, Floats
from core.search.surrogate import Belief, Surrogate
from core.verdict import maximised, objective_metric
from core.verdict.arrays import judge_arrays, metrics_needed

_DRAWS = 128
_ROOT_TAU = float(np.sqrt(2.0 * np.pi))


@dataclass(frozen=True)
class Incumbent:
    """The best feasible configuration so far, as the model sees it."""

    score: float
    """Lower is better."""

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
        if not observations.by_level:
            model = surrogate.metrics[objective_metric(aim.objective)]
            values = np.exp(model.believe_told().mean[feasible])
            return cls(float((-values if maximised(aim.objective) else values).min()))
        if surrogate.metrics.keys() >= set(metrics_needed(aim.slo, aim.objective)):
            figures = {
                metric: np.exp(model.believe_told().mean[feasible])
                for metric, model in surrogate.metrics.items()
            }
            judged = judge_arrays(figures, aim.slo, aim.objective)
            if not judged.feasible.any():
                return None
            return cls(float(judged.score[judged.feasible].min()))
        return cls(min(observations.score(number) for number in feasible))

    @property
    def size(self) -> float:
        """What improvements are shares of."""
        return max(abs(self.score), 1e-12)


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


def expected_value(beliefs: Mapping[str, Belief], aim: Aim) -> tuple[Floats, Floats]:
    """Return the objective to expect, the mean over levels, and its deviation, (candidates,)."""
    belief = beliefs[objective_metric(aim.objective)]
    levels = np.exp(belief.mean + 0.5 * belief.deviation**2)
    return levels.mean(axis=1), (levels * belief.deviation).mean(axis=1)


def roughly(beliefs: Mapping[str, Belief], aim: Aim, incumbent: Incumbent) -> Floats:
    """Return the expected improvement of a normal objective without soft SLOs, (candidates,)."""
    value, deviation = expected_value(beliefs, aim)
    score = -value if maximised(aim.objective) else value
    gap = (incumbent.score - score) / deviation
    density = np.exp(-0.5 * gap * gap) / _ROOT_TAU
    improvement: Floats = deviation * (gap * ndtr(gap) + density)
    return np.maximum(improvement, 0.0)


def drawn(
    beliefs: Mapping[str, Belief], aim: Aim, incumbent: Incumbent, rng: np.random.Generator
) -> Array:
    """Return the expected improvement that holds the hard SLOs, (candidates,), by drawing."""
    if any(metric not in beliefs for metric in metrics_needed(aim.slo, aim.objective)):
        return np.zeros(len(next(iter(beliefs.values())).mean))
    figures: dict[str, npt.NDArray[np.floating]] = {}
    for metric, belief in beliefs.items():
        half = rng.standard_normal((_DRAWS // 2, 1, belief.mean.shape[1]))
        errors = np.concatenate([half, -half]) @ _root(belief.correlation).T
        errors = errors.astype(belief.mean.dtype)
        figures[metric] = np.exp(belief.mean + belief.deviation * errors)
    judged = judge_arrays(figures, aim.slo, aim.objective)
    gains = np.where(judged.feasible, np.maximum(incumbent.score - judged.score, 0.0), 0.0)
    expected: Array = gains.mean(axis=0)
    return expected


def _root(correlation: Array) -> Array:
    values, vectors = np.linalg.eigh(correlation)
    root: Array = vectors * np.sqrt(np.maximum(values, 0.0))
    return root
