"""How true what a set-back flag is said to bring: `python -m tests.bench.search.reverts`.

Plays whole runs on five flags, three of which do something and two nothing, to their end: search,
confirmation, and every flag of the winner set back on three fresh launches. Launches scatter by
1.5 %. The gain that is told of each flag is held against the truth.
"""

import argparse
import math
from dataclasses import dataclass

import numpy as np

from core.task import Configuration, FlagValue
from tests.run.histories import Play, pure_task

FLAGS: dict[str, list[FlagValue]] = {
    "batch": [8, 32, 128],
    "kind": ["x", "y"],
    "switch": [None, True],
    "idle": ["p", "q"],
    "vain": [0.8, 0.9],
}
IDLE = {"idle", "vain"}
NOISE = 0.015


@dataclass(frozen=True)
class Planted:
    """What every value of a flag does to the logarithm of the latency; left out, nothing."""

    by_value: dict[str, dict[FlagValue, float]]

    @classmethod
    def of(cls, seed: int) -> "Planted":
        """Draw effects from −15 % to 5 %."""
        rng = np.random.default_rng(seed)
        return cls(
            {
                flag: {
                    v: 0.0 if flag in IDLE or v is None else rng.uniform(-0.15, 0.05) for v in of
                }
                for flag, of in FLAGS.items()
            }
        )

    def latency(self, configuration: Configuration) -> float:
        """Return the true latency of a configuration, in seconds."""
        return 2.0 * math.exp(sum(self.by_value[f][v] for f, v in configuration.items()))


def main() -> None:
    """Play all, and print what came of the flags that do something, and of those that do not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=60)
    asked = parser.parse_args()
    told: list[tuple[bool, float, bool, bool, float]] = []
    for seed in range(asked.seeds):
        planted = Planted.of(seed)
        task = pure_task(
            FLAGS,
            strategy="bayesian",
            seed=seed,
            max_iterations=20,
            reverts=len(FLAGS),
            budget={"experiments": 100},
        )
        play = Play(task, planted.latency, noise=NOISE, seed=seed)
        play.run()
        for effect in play.state.effects.values():
            assert effect.gain is not None, "nothing fails here"
            assert play.best is not None
            winner = play.state.experiments[play.best].configuration
            reverted = play.state.experiments[effect.runs[0]].configuration
            true = 1.0 - planted.latency(winner) / planted.latency(reverted)
            gain = effect.gain
            proved = gain.low > 0.0 or gain.high < 0.0
            inside = gain.low <= true <= gain.high
            told.append((effect.flag in IDLE, gain.share - true, inside, proved, gain.share))
    for label, of in (("do something", False), ("do nothing", True)):
        errors, inside, proved, gains = (
            np.array(column) for column in zip(*(t[1:] for t in told if t[0] is of), strict=True)
        )
        print(
            f"{len(errors)} flags that {label}: median error"
            f" {100 * np.median(np.abs(errors)):.2f} points, {inside.mean():.1%} of intervals hold"
            f" the truth, {proved.sum()} are proved, {(proved & (np.abs(gains) > 0.05)).sum()} of"
            " them with more than 5 %"
        )


if __name__ == "__main__":
    main()
