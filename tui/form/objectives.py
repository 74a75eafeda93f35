"""What a task can improve, to choose from: one objective, or two or three at once. Pure."""

from collections.abc import Sequence

from core.report.quantities import quantity
from core.task import LOAD_OBJECTIVES, OBJECTIVES, objective_metric
from tui.dialogs.picker import Choice

MOST = 3
"""As many objectives as a search can weigh."""

SEVERAL = "several"
"""The choice of more than one; no objective is called so."""

_TITLES = (
    "The first objective: it decides what is recommended",
    "The second objective",
    "The third objective",
)


def title(chosen: Sequence[str]) -> str:
    """Return what to ask for after those that are chosen."""
    return _TITLES[len(chosen)]


def single_choices() -> list[Choice[str]]:
    """Return every objective, and last the choice of several."""
    several = Choice(SEVERAL, "several at once …", "two or three: the Pareto front")
    return [*map(_choice, OBJECTIVES), several]


def further_choices(chosen: Sequence[str]) -> list[Choice[str]]:
    """Return what can stand after the chosen ones; an empty value where they may be enough."""
    if not chosen:
        return [*map(_choice, OBJECTIVES)]
    taken = {objective_metric(objective) for objective in chosen}
    others = [
        _choice(objective)
        for objective in OBJECTIVES
        if objective not in LOAD_OBJECTIVES and objective_metric(objective) not in taken
    ]
    enough = [Choice("", "no third", " and ".join(chosen))] if len(chosen) == MOST - 1 else []
    return enough + others


def _choice(objective: str) -> Choice[str]:
    searched = "searches the load" if objective in LOAD_OBJECTIVES else ""
    note = searched or quantity(objective_metric(objective)).title
    return Choice(objective, objective.replace("_", " "), note)
