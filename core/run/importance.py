"""Which of the winner's flags seem to matter most, so that they are set back first. Pure."""

from collections.abc import Sequence

from core.events import Experiment
from core.run.agenda import FlagRanking, in_order
from core.search import Space
from core.task import Task
from core.verdict import objective_metric


def ranking_by_model(space: Space, task: Task) -> FlagRanking:
    """Return the ranking by the search's model of what was measured.

    A flag counts by the most that any other of its values changes at the winner. Flags that the
    model says nothing about come last, in the order of the task.
    """

    def ranked(experiments: Sequence[Experiment], winner: Experiment) -> Sequence[str]:
        from core.search.effects import local_effects

        metric = objective_metric(task.optimization.objective)
        found = local_effects(space, experiments, winner.configuration, metric)
        most: dict[str, float] = {}
        for effect in found.effects:
            most[effect.parameter] = max(abs(effect.change), most.get(effect.parameter, 0.0))
        flags = in_order(experiments, winner)
        return sorted(flags, key=lambda flag: (-most.get(flag, -1.0), flags.index(flag)))

    return ranked
