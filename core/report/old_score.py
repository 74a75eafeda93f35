"""The score that older result files have, by their own formula, so that figures can be compared.

Lower is better. The formula rewards a configuration whose load levels break a hard SLO, as those
levels are left out of the means; that is why nothing is ranked by it here.

    base     the mean over the levels; throughput counts as negative, per GPU
    penalty  Σ weight · exp(v / steepness) over broken SLOs, v = (actual − threshold) / threshold
    score    base + penalty · |base|; none where a hard SLO is broken by more than its fail_ratio
"""

import math
from collections.abc import Sequence
from statistics import fmean

from core.events import SubRound
from core.task import Objective, Slo, SloTarget

_BASES = {
    "minimize_latency": ("e2e_latency_mean", 1),
    "maximize_throughput": ("total_throughput_per_gpu", -1),
    "minimize_ttft": ("ttft_mean", 1),
    "minimize_tpot": ("tpot_mean", 1),
}
_BOUNDED = ("e2e_latency_p50", "e2e_latency_p90", "e2e_latency_p99", "ttft_mean", "tpot_mean")
"""What an SLO could bound."""


def old_score(sub_rounds: Sequence[SubRound], slo: Slo, objective: Objective) -> float | None:
    """Return the score; None where there is none, or where it was infinite.

    Args:
        sub_rounds: the levels that were measured.
        slo: the SLOs; those that the formula does not know are left out.
        objective: one that the formula knows, else there is no score.
    """
    targets = {name: slo.targets()[name] for name in _BOUNDED if name in slo.targets()}
    kept = [s for s in sub_rounds if not _fails([s], targets)] or list(sub_rounds)
    if objective not in _BASES or not kept or _fails(kept, targets):
        return None
    metric, sign = _BASES[objective]
    base = _mean(kept, metric)
    if base is None:
        return None
    penalty = sum(
        target.weight * _exp(violation / slo.steepness)
        for name, target in targets.items()
        if (violation := _violation(kept, name, target)) > 0
    )
    score = sign * base + penalty * abs(base)
    return score if math.isfinite(score) else None


def _fails(sub_rounds: Sequence[SubRound], targets: dict[str, SloTarget]) -> bool:
    return any(
        target.hard_fail and _violation(sub_rounds, name, target) > target.fail_ratio
        for name, target in targets.items()
    )


def _violation(sub_rounds: Sequence[SubRound], metric: str, target: SloTarget) -> float:
    actual = _mean(sub_rounds, metric)
    return 0.0 if actual is None else actual / target.threshold - 1.0


def _mean(sub_rounds: Sequence[SubRound], metric: str) -> float | None:
    known = [value for s in sub_rounds if (value := s.metric(metric)) is not None]
    return fmean(known) if known else None


def _exp(exponent: float) -> float:
    return math.exp(min(exponent, 700.0))
