"""The Pareto front: configurations that none beats in one respect without losing in another."""

from collections.abc import Iterable, Sequence
from math import log, log1p
from typing import TypeVar

from core.events import Experiment, SloVerdict, Verdict
from core.task import Objective, maximised
from core.verdict.judge import score

K = TypeVar("K")


def pareto_front(points: Iterable[tuple[K, Sequence[float]]]) -> tuple[K, ...]:
    """Return who is on the front, by the first cost; of equal points the first.

    Args:
        points: name, and costs, of which less is better.
    """
    front: list[tuple[K, Sequence[float]]] = []
    for name, costs in sorted(points, key=lambda point: tuple(point[1])):
        # Those before are no worse in the first cost; none of them is dominated by one behind.
        if not any(all(a <= b for a, b in zip(c, costs, strict=True)) for _, c in front):
            front.append((name, costs))
    return tuple(name for name, _ in front)


def costs_of(verdict: Verdict) -> tuple[float, ...] | None:
    """Return what a search lowers, by objective: the score, or the logarithms of several.

    None where one was not measured, or has no logarithm.
    """
    return costs(verdict.objectives, verdict.values, verdict.slos)


def costs(
    objectives: Sequence[Objective],
    values: Sequence[float | None],
    slos: Sequence[SloVerdict] = (),
) -> tuple[float, ...] | None:
    """Return the same of figures that no verdict was made of."""
    known = [value for value in values if value is not None]
    if len(known) < len(objectives):
        return None
    if len(known) == 1:
        return (score(known[0], objectives[0], slos),)
    if min(known) <= 0:
        return None
    penalty = log1p(sum(slo.penalty for slo in slos))
    signs = [-1.0 if maximised(objective) else 1.0 for objective in objectives]
    return tuple(s * log(value) + penalty for s, value in zip(signs, known, strict=True))


def front(experiments: Iterable[Experiment]) -> list[Experiment]:
    """Return the feasible experiments that none beats in all objectives, the best by the first one.

    With a single objective that is the best alone.
    """
    points = [
        (experiment, costs)
        for experiment in experiments
        if experiment.verdict is not None
        and experiment.verdict.feasible
        and (costs := costs_of(experiment.verdict)) is not None
    ]
    return list(pareto_front(points))
