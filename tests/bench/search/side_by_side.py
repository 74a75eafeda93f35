"""What searching side by side costs and saves: `python -m tests.bench.search.side_by_side`.

Experiments take the time that the simulated engine's model says; a new one is asked for as soon as
one of the places is free, while the others are pending. The trials and the time until something
within 2 % of the best feasible was measured, with one place and with four.
"""

import argparse
import heapq

import numpy as np

from tests.bench.search.problems import PROBLEMS
from tests.bench.search.replay import Arena
from tests.bench.search.sessions import strategy_for

NEAR = 0.02
NAMES = (
    "rag-7b-144,published-12b-240,summary-8b-360,conditional-8b-504,dense-32b-720,agents-8b-960,"
    "moe-30b-1152,nemo-12b-1728"
)


def play(arena: Arena, seed: int, places: int, budget: int) -> tuple[float, float, float]:
    """Return trials and seconds until something near the best was measured, and seconds in all."""
    strategy = strategy_for(arena, "bayesian", seed, budget)
    rng = np.random.default_rng((seed, 77))
    experiment, cost = arena.baseline(rng)
    strategy.tell(experiment)
    now = cost.seconds
    trials = seconds = float("inf")
    over, asked = 1, 1
    under_way: list[tuple[float, int]] = []
    made = {}
    if arena.regret[arena.row(experiment.configuration)] <= NEAR:
        trials, seconds = 1, now
    while over < budget:
        while len(under_way) < places and asked < budget:
            proposal = strategy.ask()
            if proposal is None:
                budget = asked
                break
            made[asked], cost = arena.run(asked, proposal.configuration, rng)
            heapq.heappush(under_way, (now + cost.seconds, asked))
            asked += 1
        if not under_way:
            break
        now, number = heapq.heappop(under_way)
        over += 1
        strategy.tell(made[number])
        if trials == float("inf") and arena.regret[arena.row(made[number].configuration)] <= NEAR:
            trials, seconds = over, now
    return trials, seconds, now


def main() -> None:
    """Play all, and print medians by problem and the ratios over all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", default=NAMES)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--budget", type=int, default=40)
    asked = parser.parse_args()
    ratios = []
    print("| problem | trials, one → four | × | time, one / four | all trials, one / four |")
    for problem in (p for p in PROBLEMS if p.name in asked.problems.split(",")):
        arena = Arena.of(problem)
        one, four = (
            np.median([play(arena, s, n, asked.budget) for s in range(asked.seeds)], axis=0)
            for n in (1, 4)
        )
        ratios.append((four[0] / one[0], one[1] / four[1], one[2] / four[2]))
        more, less, whole = ratios[-1]
        print(
            f"| {problem.name} | {one[0]:.1f} → {four[0]:.1f} | {more:.2f} | {less:.2f} |"
            f" {whole:.2f} |",
            flush=True,
        )
    means = np.exp(np.mean(np.log(ratios), axis=0))
    print(f"| geometric mean | | {means[0]:.2f} | {means[1]:.2f} | {means[2]:.2f} |")


if __name__ == "__main__":
    main()
