"""One search of one problem from its baseline to the end of its budget, and what came of it."""

import time
from dataclasses import asdict, dataclass

import numpy as np

from core.events import Outcome
from core.search import Strategy, choose
from core.task import Optimization
from tests.bench.search.default_tpe import DefaultTpe
from tests.bench.search.early_end import EarlyEnd
from tests.bench.search.replay import Arena

BUDGET = 50
"""Experiments of a session, the baseline counted."""
NOTHING = 1.0
"""Regret that counts while nothing feasible has been tried."""


@dataclass(frozen=True)
class Session:
    """What one session came to, trial by trial."""

    problem: str
    strategy: str
    seed: int
    regret: tuple[float, ...]
    """Of the best truly feasible configuration tried so far."""
    gpu_seconds: tuple[float, ...]
    """Spent so far."""
    failed: int
    infeasible: int
    repeated: int
    """Command lines that were proposed a second time."""
    repeated_failures: int
    """Of them, those that had failed."""
    asking: float
    """CPU seconds of all asks and tells."""

    def trials_to(self, regret: float) -> float:
        """Return the trial that reached `regret`; infinite where none did."""
        return next((n for n, r in enumerate(self.regret, 1) if r <= regret), float("inf"))

    def gpu_seconds_to(self, regret: float) -> float:
        """Return the GPU time spent until `regret` was reached."""
        trial = self.trials_to(regret)
        return float("inf") if trial == float("inf") else self.gpu_seconds[int(trial) - 1]

    def as_dict(self) -> dict[str, object]:
        """Return the session for a JSON file."""
        return asdict(self)


def play(arena: Arena, name: str, seed: int, budget: int = BUDGET) -> Session:
    """Search a problem with the strategy of that name; `NAME+stop` ends hopeless experiments early.

    `default-tpe` is optuna's as it comes.
    """
    plain, _, stop = name.partition("+")
    strategy = strategy_for(arena, plain, seed, budget)
    return _play(arena, name, strategy, seed, budget, EarlyEnd(arena) if stop else None)


def strategy_for(arena: Arena, name: str, seed: int, budget: int) -> Strategy:
    """Return the strategy of that name for a problem."""
    if name == "default-tpe":
        return DefaultTpe(arena.space, seed)
    optimization = Optimization.model_validate(
        {
            "strategy": name,
            "seed": seed,
            "objective": [arena.problem.objective, *arena.problem.also],
            "max_iterations": budget - 1,
        }
    )
    return choose(optimization, arena.space, arena.slo)


def _play(
    arena: Arena, name: str, strategy: Strategy, seed: int, budget: int, end: EarlyEnd | None
) -> Session:
    rng = np.random.default_rng((seed, 77))
    experiment, cost = arena.baseline(rng)
    regrets: list[float] = []
    spent: list[float] = []
    best, gpu_seconds, asking = NOTHING, 0.0, 0.0
    outcomes: dict[str, Outcome | None] = {}
    failed = infeasible = repeated = repeated_failures = 0
    for number in range(1, budget + 1):
        gpu_seconds += cost.gpu_seconds
        # What ended early was infeasible or hopeless, whatever it truly is.
        if experiment.outcome is not Outcome.PRUNED:
            best = min(best, float(arena.regret[arena.row(experiment.configuration)]))
        regrets.append(best)
        spent.append(gpu_seconds)
        failed += experiment.outcome is Outcome.FAILED
        infeasible += experiment.outcome is Outcome.INFEASIBLE
        key = arena.space.key(experiment.configuration)
        if key in outcomes:
            repeated += 1
            repeated_failures += outcomes[key] is Outcome.FAILED
        outcomes[key] = experiment.outcome
        if end is not None:
            end.tell(experiment)
        began = time.process_time()
        strategy.tell(experiment)
        proposal = strategy.ask() if number < budget else None
        asking += time.process_time() - began
        if proposal is None:
            break
        experiment, cost = arena.run(
            number, proposal.configuration, rng, stop=end or (lambda _: None)
        )
    # A space that is exhausted stays where it is.
    missing = budget - len(regrets)
    return Session(
        problem=arena.problem.name,
        strategy=name,
        seed=seed,
        regret=(*regrets, *[best] * missing),
        gpu_seconds=(*spent, *[gpu_seconds] * missing),
        failed=failed,
        infeasible=infeasible,
        repeated=repeated,
        repeated_failures=repeated_failures,
        asking=asking,
    )
