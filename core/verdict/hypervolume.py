"""How much a front is worth, and what a point would add: the volume that it dominates.

Costs, of which less is better, up to a reference point. What a front leaves undominated is cut
into boxes, slab by slab along the last objective, so that the improvement of a point is a sum over
boxes; with one objective there is a single box, below the best, and the improvement is the usual.

Sources: Zitzler and Thiele (1998) for the hypervolume; Yang et al., "Efficient computation of
expected hypervolume improvement" (2019) for the boxes.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Undominated:
    """What a front leaves, as disjoint boxes below the reference point."""

    lower: Array
    """(boxes, objectives); −∞ where a box is open."""
    upper: Array
    """(boxes, objectives)"""

    @classmethod
    def of(cls, front: Array, reference: Array) -> "Undominated":
        """Cut it up.

        Args:
            front: costs, (points, objectives); points that are dominated do no harm.
            reference: the costs beyond which nothing counts, (objectives,).
        """
        inside = front[(front < reference).all(axis=1)]
        lower, upper = _boxes(inside, reference)
        return cls(lower, upper)

    def improvement(self, costs: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Return what points of the shape (…, objectives) would add to the volume, (…)."""
        columns = [np.array(costs[..., place]) for place in range(costs.shape[-1])]
        total = np.zeros(costs.shape[:-1])
        for lower, upper in zip(self.lower, self.upper, strict=True):
            volume: npt.NDArray[np.floating] | float = 1.0
            for column, low, high in zip(columns, lower, upper, strict=True):
                volume = volume * np.maximum(high - np.maximum(column, low), 0.0)
            total = total + volume
        return total


def hypervolume(front: Array, reference: Array) -> float:
    """Return the volume between a front and the reference point."""
    total, kept = 0.0, np.empty((0, len(reference)))
    for point in front:
        total += float(Undominated.of(kept, reference).improvement(point))
        kept = np.vstack([kept, point])
    return total


def _boxes(front: Array, reference: Array) -> tuple[Array, Array]:
    if len(reference) == 1:
        best = front.min(axis=0, initial=reference[0])
        return np.array([[-np.inf]]), best[None, :]
    order = np.argsort(front[:, -1], kind="stable")
    front = front[order]
    ends = np.concatenate([[-np.inf], front[:, -1], reference[-1:]])
    lowers, uppers = [], []
    for count, (low, high) in enumerate(pairwise(ends)):
        if low < high:
            lower, upper = _boxes(front[:count, :-1], reference[:-1])
            lowers.append(np.column_stack([lower, np.full(len(lower), low)]))
            uppers.append(np.column_stack([upper, np.full(len(upper), high)]))
    return np.vstack(lowers), np.vstack(uppers)
