"""Which of two experiments is better, and by how much. Constraints come first."""

import math
from collections.abc import Iterable

from core.events import Experiment, Verdict
from core.task import maximised


def rank_key(verdict: Verdict | None) -> tuple[int, float, float]:
    """Return a key that sorts the best first.

    Feasible before infeasible before unmeasured; the feasible by score (the objective, with the
    penalties of SLOs that may be broken), the infeasible by their total violation, then by score.
    """
    if verdict is None or verdict.score is None:
        return (2, math.inf if verdict is None else verdict.violation, 0.0)
    if verdict.feasible:
        return (0, verdict.score, 0.0)
    return (1, verdict.violation, verdict.score)


def best(experiments: Iterable[Experiment]) -> Experiment | None:
    """Return the best feasible experiment; the earlier one of two that are equal."""
    feasible = [e for e in experiments if e.verdict is not None and e.verdict.feasible]
    return min(feasible, key=lambda e: (rank_key(e.verdict), e.number), default=None)


def gain(winner: Verdict, baseline: Verdict) -> float | None:
    """Return how much better the winner's objective is, as a share of the baseline's.

    0.25 is a quarter more throughput, or a quarter less latency. None where either is not known.
    """
    if winner.value is None or not baseline.value:
        return None
    change = (winner.value - baseline.value) / baseline.value
    return change if maximised(winner.objective) else -change
