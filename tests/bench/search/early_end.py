"""Early termination inside an experiment, by the rules that runs are made with."""

from core.events import Experiment, SubRound
from core.verdict.pruning import Pruning, pruning
from tests.bench.search.replay import LAUNCH_NOISE, LEVEL_NOISE, Arena

_NOISE = (LAUNCH_NOISE**2 + LEVEL_NOISE**2) ** 0.5


class EarlyEnd:
    """Decides after every level of a session's experiments."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._told: list[Experiment] = []
        self._rule: Pruning | None = None

    def tell(self, experiment: Experiment) -> None:
        """Note an experiment that is over."""
        self._told.append(experiment)
        self._rule = pruning(
            self._told,
            self._arena.slo,
            self._arena.problem.objective,
            *self._arena.problem.also,
            levels=len(self._arena.levels),
            noise=_NOISE * self._arena.noise,
        )

    def __call__(self, measured: tuple[SubRound, ...]) -> str | None:
        """Return why to stop after these levels, or None."""
        return None if self._rule is None else self._rule.reason(measured)
