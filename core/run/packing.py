"""Which of the experiments that wait is begun next on the GPUs that are free. Pure.

The longest goes first, so that none is left to run by itself at the end. What does not fit yet is
passed over by what does, but not for ever: then nothing more is begun until it fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_PASSED_OVER = 3
"""How often an experiment may be passed over by one that needs fewer GPUs."""


@dataclass(frozen=True)
class Waiting:
    """An experiment that waits."""

    gpus: int
    """GPUs that it needs."""
    seconds: float
    """How long it is expected to take."""
    passed_over: int = 0
    """How often another was begun before it that came later or is shorter."""


def first_to_begin(waiting: Sequence[Waiting], free: int, *, idle: bool) -> int | None:
    """Return the place of the one to begin now; None: none fits, or one has waited long enough.

    Args:
        waiting: in the order they were proposed.
        free: GPUs that are free.
        idle: whether nothing is under way. Then one is begun even if it does not fit: who lends
            GPUs will say what is wrong.
    """
    if not waiting:
        return None
    order = sorted(range(len(waiting)), key=lambda place: (-waiting[place].seconds, place))
    overdue = [place for place in order if waiting[place].passed_over >= MOST_PASSED_OVER]
    for place in overdue or order:
        if waiting[place].gpus <= free or idle:
            return place
    return None


def width(asked: int | str, gpus: int, needed: int, processors: int) -> int:
    """Return how many experiments may be made side by side.

    Args:
        asked: `optimization.max_parallel_experiments`.
        gpus: those that may be used.
        needed: GPUs that the defaults need.
        processors: CPUs of this machine. Without GPUs to tell apart, servers would take them from
            one another, so it is one at a time; `auto` leaves two for each experiment.
    """
    if not gpus or not needed:
        return 1
    room = max(1, gpus // needed)
    if asked == "auto":
        return max(1, min(room, processors // 2))
    return max(1, min(int(asked), gpus))
