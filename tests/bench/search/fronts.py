"""How much of the front a search finds: `python -m tests.bench.search.fronts [--seeds N]`.

Five problems of two or three objectives, on the tables of the others. What counts is the share of
the true front's hypervolume that the truly feasible configurations tried so far dominate, by the
logarithms of the objectives, held against the worst of the true front in each and a tenth more.
`nsga2` is optuna's NSGA-II, ten to a generation, duplicates dropped, with constraints.
"""

import argparse
from dataclasses import replace
from math import log

import numpy as np
import optuna

from core.events import Experiment
from core.search import Space, Strategy
from core.search.strategy import Proposal, Tried
from core.task import Configuration
from core.verdict.front import costs_of, pareto_front
from core.verdict.hypervolume import hypervolume
from tests.bench.search.problems import PROBLEMS, Problem
from tests.bench.search.replay import Arena
from tests.bench.search.sessions import strategy_for

LOOKS = (10, 20, 30, 50)
STRATEGIES = ("random", "nsga2", "tpe", "bayesian")


def _on(name: str, objectives: tuple[str, ...], slos: tuple[str, ...], feasible: float) -> Problem:
    base = next(problem for problem in PROBLEMS if problem.name == name)
    return replace(base, objective=objectives[0], also=objectives[1:], slos=slos, feasible=feasible)


FRONTS = (
    _on("published-12b-240", ("maximize_throughput", "minimize_ttft_p90"), ("tpot_p99",), 0.5),
    _on("summary-8b-360", ("maximize_throughput", "minimize_tpot_p99"), ("ttft_p90",), 0.3),
    _on(
        "conditional-8b-504",
        ("maximize_throughput", "minimize_ttft_p99", "minimize_tpot_p90"),
        ("e2e_latency_p90",),
        0.5,
    ),
    _on("nemo-12b-1728", ("maximize_throughput", "minimize_ttft_p90"), ("tpot_p99",), 0.2),
    _on("llama-70b-2592", ("maximize_throughput", "minimize_e2e_latency_p90"), ("ttft_p90",), 0.3),
)


class Nsga2:
    """One study from the beginning to the end: the sampler keeps its generations in it."""

    def __init__(self, space: Space, seed: int, objectives: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space, self._objectives = space, objectives
        self._values = {name: choices.values for name, choices in space.parameters.items()}
        self._tried = Tried()
        self._asked: dict[Configuration, optuna.Trial] = {}
        sampler = optuna.samplers.NSGAIISampler(population_size=10, seed=seed)
        self._study = optuna.create_study(sampler=sampler, directions=["minimize"] * objectives)

    def ask(self) -> Proposal | None:
        for _ in range(200):
            trial = self._study.ask()
            picked = {
                name: values[trial.suggest_categorical(name, list(range(len(values))))]
                for name, values in self._values.items()
            }
            configuration = self._space.resolve(picked)
            if self._tried.add(self._space.key(configuration)):
                self._asked[configuration] = trial
                return Proposal(configuration=configuration, reason="")
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return None

    def tell(self, experiment: Experiment) -> None:
        trial = self._asked.pop(experiment.configuration, None)
        if trial is None:
            return
        verdict = experiment.verdict
        costs = None if verdict is None else costs_of(verdict)
        violation = 1e3 if verdict is None or costs is None else verdict.violation
        trial.set_constraint("slo", violation)
        self._study.tell(trial, costs or (0.0,) * self._objectives)


def _strategy(arena: Arena, name: str, seed: int, budget: int) -> Strategy:
    if name == "nsga2":
        return Nsga2(arena.space, seed, 1 + len(arena.problem.also))
    return strategy_for(arena, name, seed, budget)


def play(arena: Arena, name: str, seed: int, budget: int) -> list[float]:
    """Return the share of the hypervolume that was found, trial by trial."""
    costs = np.where(arena.truth.feasible[:, None], arena.truth.costs, np.inf)
    finite = [(row, tuple(costs[row])) for row in np.flatnonzero(arena.truth.feasible)]
    front = costs[list(pareto_front(finite))]
    reference = front.max(axis=0) + log(1.1)
    whole = hypervolume(front, reference)
    strategy = _strategy(arena, name, seed, budget)
    rng = np.random.default_rng((seed, 77))
    experiment, _ = arena.baseline(rng)
    found = np.empty((0, len(reference)))
    shares: list[float] = []
    for number in range(1, budget + 1):
        point = costs[arena.row(experiment.configuration)]
        if np.isfinite(point).all():
            found = np.vstack([found, point])
        shares.append(hypervolume(found, reference) / whole)
        strategy.tell(experiment)
        proposal = strategy.ask() if number < budget else None
        if proposal is None:
            break
        configuration: Configuration = proposal.configuration
        experiment, _ = arena.run(number, configuration, rng)
    return shares + [shares[-1]] * (budget - len(shares))


def main() -> None:
    """Play all, and print the median share by problem and strategy."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.search.fronts", description=__doc__
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--budget", type=int, default=50)
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--problems", default="")
    asked = parser.parse_args()
    looks = [look for look in LOOKS if look <= asked.budget]
    print("| problem | strategy |", *(f"{look} |" for look in looks))
    for problem in FRONTS:
        if asked.problems and problem.name not in asked.problems.split(","):
            continue
        arena = Arena.of(problem)
        for name in asked.strategies.split(","):
            played = [play(arena, name, seed, asked.budget) for seed in range(asked.seeds)]
            medians = np.median(played, axis=0)
            cells = (f"{medians[look - 1]:.1%} |" for look in looks)
            print(f"| {problem.name} ({1 + len(problem.also)}) | {name} |", *cells, flush=True)


if __name__ == "__main__":
    main()
