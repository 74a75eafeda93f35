"""Early termination inside an experiment, as far as the search has to live with what it hides.

After a level: stop where a hard SLO is broken by more than the noise, or where the objective cannot
reach the incumbent even if every level still to come were 5 % better than the best ever seen there.
The first ten experiments run in full.
"""

from core.events import Experiment, SubRound
from core.verdict import objective_metric
from tests.bench.search.replay import Arena

_BEYOND_NOISE = 0.10
_BETTER = 1.05
_IN_FULL = 10


class EarlyEnd:
    """Decides after every level of a session's experiments."""

    def __init__(self, arena: Arena) -> None:
        self._objective = objective_metric(arena.problem.objective)
        self._maximised = arena.problem.objective.startswith("maximize")
        self._targets = arena.slo.targets()
        self._levels = len(arena.levels)
        self._told: list[Experiment] = []

    def tell(self, experiment: Experiment) -> None:
        """Note an experiment that is over."""
        self._told.append(experiment)

    def __call__(self, measured: tuple[SubRound, ...]) -> str | None:
        """Return why to stop after these levels, or None."""
        if len(self._told) < _IN_FULL:
            return None
        for metric, target in self._targets.items():
            figure = measured[-1].metric(metric)
            if figure is None or figure > target.threshold * (1.0 + _BEYOND_NOISE):
                return f"{metric} is broken"
        return self._hopeless(measured)

    def _hopeless(self, measured: tuple[SubRound, ...]) -> str | None:
        feasible = [e for e in self._told if e.verdict is not None and e.verdict.feasible]
        if not feasible:
            return None
        values = [e.verdict.value for e in feasible if e.verdict and e.verdict.value is not None]
        own = [figure for s in measured if (figure := s.metric(self._objective)) is not None]
        for index in range(len(measured), self._levels):
            seen = [s.metric(self._objective) for e in self._told for s in e.sub_rounds[index:][:1]]
            known = [figure for figure in seen if figure is not None]
            if not known:
                return None
            own.append(max(known) * _BETTER if self._maximised else min(known) / _BETTER)
        bound = sum(own) / len(own)
        lost = bound < max(values) if self._maximised else bound > min(values)
        return "cannot reach the best" if lost else None
