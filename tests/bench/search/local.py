"""How true the model's local effects are: `python -m tests.bench.search.local`.

After searches of 30 experiments, what each other value of each flag does to P90 E2E latency at the
best configuration found, against the table: the median error in points, how many intervals hold the
truth, and for how many of those that truly do less than 2 % more than 5 % is claimed as certain.
"""

import argparse

import numpy as np

from core.events import Experiment
from core.search.effects import local_effects
from core.verdict import best
from tests.bench.search.problems import PROBLEMS
from tests.bench.search.replay import Arena
from tests.bench.search.sessions import strategy_for

METRIC = "e2e_latency_p90"
TRIALS = 30


def history(arena: Arena, seed: int) -> list[Experiment]:
    """Return the experiments of one search."""
    strategy = strategy_for(arena, "bayesian", seed, TRIALS)
    rng = np.random.default_rng((seed, 77))
    experiment, _ = arena.baseline(rng)
    told = [experiment]
    while len(told) < TRIALS:
        strategy.tell(told[-1])
        proposal = strategy.ask()
        if proposal is None:
            break
        told.append(arena.run(len(told), proposal.configuration, rng)[0])
    return told


def main() -> None:
    """Play all, and print one line by problem and one for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", default="rag-7b-144,published-12b-240,summary-8b-360")
    parser.add_argument("--seeds", type=int, default=6)
    asked = parser.parse_args()
    rows: list[tuple[float, bool, bool, bool]] = []
    for problem in (p for p in PROBLEMS if p.name in asked.problems.split(",")):
        arena = Arena.of(problem)
        figures = arena.table.metric(METRIC).mean(axis=1)
        own: list[tuple[float, bool, bool, bool]] = []
        for seed in range(asked.seeds):
            told = history(arena, seed)
            chosen = best(told)
            if chosen is None or not chosen.configuration:
                continue
            here = figures[arena.row(chosen.configuration)]
            for effect in local_effects(arena.space, told, chosen.configuration, METRIC).effects:
                there = arena.space.resolve(
                    {**chosen.configuration, effect.parameter: effect.value}
                )
                true = float(figures[arena.row(there)] / here - 1)
                if np.isfinite(true):
                    inside = effect.interval[0] <= true <= effect.interval[1]
                    claimed = effect.certain and abs(effect.change) > 0.05
                    own.append((abs(effect.change - true), inside, abs(true) < 0.02, claimed))
        print(_line(problem.name, own), flush=True)
        rows += own
    print(_line("all", rows))


def _line(name: str, rows: list[tuple[float, bool, bool, bool]]) -> str:
    errors, inside, null, claimed = map(np.array, zip(*rows, strict=True))
    false = claimed[null].mean() if null.any() else 0.0
    return (
        f"{name}: {len(rows)} effects, median error {100 * np.median(errors):.2f} points,"
        f" {inside.mean():.0%} inside, {false:.1%} of {null.sum()} nulls claimed"
    )


if __name__ == "__main__":
    main()
