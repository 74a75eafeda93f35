"""Which configuration next: ask and tell. Pure; a seed and a history decide every proposal."""

from core.search.aim import Aim
from core.search.enumeration import grid, random
from core.search.space import Space
from core.search.strategy import Proposal, Strategy
from core.task import Optimization, Slo

__all__ = ["Aim", "Proposal", "Space", "Strategy", "choose"]


def choose(optimization: Optimization, space: Space, slo: Slo | None = None) -> Strategy:
    """Return the strategy that the task asks for."""
    name = optimization.strategy
    if name == "auto":
        fits = space.combinations is not None and space.combinations <= optimization.max_iterations
        name = "grid_search" if fits else "bayesian"
    match name:
        case "grid_search":
            return grid(space, optimization.seed)
        case "random":
            return random(space, optimization.seed)
        case "tpe":
            from core.search.tpe import Tpe  # optuna takes a second to import

            return Tpe(space, optimization.seed, optimization.n_initial_random)
        case "bayesian":
            from core.search.bayesian import Bayesian

            aim = Aim(optimization.objective, slo or Slo())
            return Bayesian(
                space, aim, seed=optimization.seed, budget=optimization.max_iterations + 1
            )
