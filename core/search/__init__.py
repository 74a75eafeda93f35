"""Which configuration next: ask and tell. Pure; a seed and a history decide every proposal."""

from collections.abc import Sequence

from core.events import Experiment
from core.search.aim import Aim
from core.search.enumeration import grid, random
from core.search.space import Space
from core.search.strategy import Proposal, Strategy
from core.task import Configuration, Optimization, Slo

__all__ = ["Aim", "Proposal", "Space", "Strategy", "choose"]


def choose(
    optimization: Optimization,
    space: Space,
    slo: Slo | None = None,
    *,
    transferred: Configuration | None = None,
    recalled: Sequence[Experiment] = (),
) -> Strategy:
    """Return the strategy that the task asks for.

    Args:
        slo: the task's SLOs; None: it has none.
        transferred: the best configuration of a similar task, for the model to look at first.
        recalled: what a similar task measured, for the model to take in.

    Raises:
        HostError: the strategy needs a package that is not installed.
    """
    seed = optimization.seed
    match optimization.strategy:
        case "grid_search":
            return grid(space, seed)
        case "random":
            return random(space, seed)
        case "one_at_a_time":
            from core.search.one_at_a_time import OneAtATime

            return OneAtATime(space, seed)
        case "tpe" | "cmaes" | "gp" as name:
            from core.search.optuna_samplers import OptunaSearch  # optuna takes a second to import

            return OptunaSearch(
                space, name, seed, optimization.n_initial_random, len(optimization.objectives)
            )
        case "auto" | "bayesian":
            # A space within the budget is exhausted all the same, and what it is asked for first
            # is what says most.
            from core.search.bayesian import Bayesian

            strategy = Bayesian(
                space,
                Aim(optimization.objective, slo or Slo(), optimization.also),
                seed=seed,
                budget=optimization.max_iterations + optimization.baseline,
                baseline=optimization.baseline,
                transferred=transferred,
            )
            strategy.recall(recalled)
            return strategy
