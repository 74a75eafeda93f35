"""What a similar earlier workload is worth: `python -m tests.bench.search.warm`.

The earlier workload has prompts and answers 0.6 times as long, and its best feasible configuration
is looked at second. It misleads where the configuration is the worst of this workload instead: one
that serves, but is furthest from the best or breaks the SLOs most.
"""

import argparse
from dataclasses import replace

import numpy as np

from core.engines.simulated.workload import Workload
from core.search import Aim
from core.search.bayesian import Bayesian
from core.task import Configuration, Level, Scenario
from tests.bench.search.problems import PROBLEMS, Problem
from tests.bench.search.replay import Arena

SHORTER = 0.6
LOOKS = (5, 10, 20, 30)
NAMES = "rag-7b-144,published-12b-240,summary-8b-360,conditional-8b-504,dense-32b-720"


def earlier(problem: Problem) -> Problem:
    """Return the problem on a lighter workload."""

    def lighter(workload: Workload) -> Workload:
        scenario = workload.level.scenario
        assert scenario is not None
        text = "".join(
            str(max(1, round(float(part) * SHORTER))) if part.replace(".", "").isdigit() else part
            for part in _split(str(scenario))
        )
        level = Level(
            scenario=Scenario.model_validate(text), concurrency=workload.level.concurrency
        )
        return replace(workload, level=level)

    workloads = tuple(map(lighter, problem.workloads))
    return replace(problem, name=f"{problem.name}-earlier", workloads=workloads)


def _split(text: str) -> list[str]:
    parts = [""]
    for character in text:
        if (character.isdigit() or character == ".") != (parts[-1][-1:].isdigit()):
            parts.append("")
        parts[-1] += character
    return parts


def play(arena: Arena, transferred: Configuration | None, seed: int) -> list[float]:
    """Return the regret trial by trial; 100 % while nothing feasible was tried."""
    budget = LOOKS[-1]
    aim = Aim(arena.problem.objective, arena.slo)
    strategy = Bayesian(arena.space, aim, seed=seed, budget=budget, transferred=transferred)
    rng = np.random.default_rng((seed, 77))
    experiment, _ = arena.baseline(rng)
    regrets: list[float] = []
    for number in range(1, budget + 1):
        own = min(1.0, float(arena.regret[arena.row(experiment.configuration)]))
        regrets.append(min([own, *regrets[-1:]]))
        strategy.tell(experiment)
        proposal = strategy.ask()
        if proposal is None:
            break
        experiment, _ = arena.run(number, proposal.configuration, rng)
    return regrets + [regrets[-1]] * (budget - len(regrets))


def main() -> None:
    """Play all, and print the mean over problems of the median and of the mean regret."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", default=NAMES)
    parser.add_argument("--seeds", type=int, default=8)
    asked = parser.parse_args()
    found: dict[str, list[np.ndarray]] = {"cold": [], "warm": [], "misled": []}
    for problem in (p for p in PROBLEMS if p.name in asked.problems.split(",")):
        arena, before = Arena.of(problem), Arena.of(earlier(problem))
        rows = arena.table.configurations[:-1]
        best = rows[int(np.argmin(before.regret[:-1]))]
        served = arena.table.measured[:-1] == len(arena.levels)
        badness = np.where(served, arena.truth.violation[:-1] + arena.truth.score[:-1] * 1e-9, -1.0)
        worst = rows[int(np.argmax(badness))]
        own = float(arena.regret[arena.row(best)])
        print(f"{problem.name}: the earlier best is {own:.1%} off here", flush=True)
        for kind, configuration in (("cold", None), ("warm", best), ("misled", worst)):
            played = np.array([play(arena, configuration, seed) for seed in range(asked.seeds)])
            found[kind].append(played)
    print("| |", *(f"{look} |" for look in LOOKS))
    for kind, sessions in found.items():
        medians = np.mean([np.median(s, axis=0) for s in sessions], axis=0)
        means = np.mean([s.mean(axis=0) for s in sessions], axis=0)
        cells = (f"{medians[n - 1]:.1%} ({means[n - 1]:.1%}) |" for n in LOOKS)
        print(f"| {kind} |", *cells)


if __name__ == "__main__":
    main()
