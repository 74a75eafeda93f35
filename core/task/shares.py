"""How the launches of a run are shared out between searching and confirming. Pure.

Without a budget of its own, a run may make as many launches as `max_iterations` asks for, and two
thirds as many again to confirm what they found, but at least six: three of one contender and three
of the defaults, which is the least that proves anything.
"""

import math
from dataclasses import dataclass

from core.task.document import Optimization

LEAST_CONFIRMATION = 6
"""Launches: three of one contender, three of the defaults."""

SHARE_KEPT = 1 / 3
"""Share of a budget that is kept for the confirmation."""


@dataclass(frozen=True)
class Shares:
    """How the launches of a run are shared out, before anything is known of what they take."""

    searches: int
    """Most configurations to search."""
    repeats: int
    """Repeats of the baseline in the course of the search."""
    confirmations: int
    """Launches kept for the confirmation; more where the search leaves some over."""
    launches: int
    """All of them."""
    most: int
    """Launches that the budget allows, which may name more than are planned: the soak and the
    reverts have what is left."""
    contenders: int
    """How many of the best are confirmed."""


def share_out(optimization: Optimization, space_size: int | None) -> Shares:
    """Return how the launches are shared out."""
    searches = optimization.max_iterations
    searches = searches if space_size is None else min(searches, space_size)
    first = int(optimization.baseline)
    most = optimization.budget.experiments
    rules = optimization.confirmation
    # Of a front, three at the least.
    least = 2 * LEAST_CONFIRMATION if optimization.also else LEAST_CONFIRMATION
    kept = max(least, searches * 2 // 3) if rules.enabled else 0
    repeats = _repeats(optimization, searches)
    if most is not None and first + searches + repeats + kept > most:
        kept = min(kept, max(LEAST_CONFIRMATION, math.floor(most * SHARE_KEPT)))
        kept = kept if most >= 2 * LEAST_CONFIRMATION else 0
        searches = min(searches, max(1, most - first - kept))
        repeats = _repeats(optimization, searches)
        searches = max(1, searches - repeats)
    launches = first + searches + repeats + kept
    return Shares(
        searches,
        repeats,
        kept,
        launches,
        max(launches, most or 0),
        rules.contenders or _contenders(kept),
    )


def _repeats(optimization: Optimization, searches: int) -> int:
    if not (optimization.baseline and optimization.baseline_every):
        return 0
    return max(0, searches - 1) // optimization.baseline_every


def _contenders(kept: int) -> int:
    """Return how many contenders three repeats a side leave room for; five when that is cheap."""
    return 5 if kept >= 36 else max(1, min(3, kept // 3 - 1))
