"""The Pareto front: configurations that none beats in one respect without losing in the other."""

from collections.abc import Iterable
from typing import TypeVar

K = TypeVar("K")


def pareto_front(points: Iterable[tuple[K, float, float]]) -> tuple[K, ...]:
    """Return who is on the front, by falling gain; of equal points the first.

    Args:
        points: name, cost (less is better), gain (more is better).
    """
    found: list[K] = []
    least = float("inf")
    for name, cost, _ in sorted(points, key=lambda point: (-point[2], point[1])):
        if cost < least:
            found.append(name)
            least = cost
    return tuple(found)
