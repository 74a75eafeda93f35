"""What whole runs claim, against the truth: `python -m tests.bench.search.whole_runs [--seeds 20]`.

Each run is the agenda's: baseline, search with early ends, confirmation and soak, played against a
problem's table with the noise of real servers. Prints how many winners truly break an SLO, how many
gains are announced that are none, how often the interval holds the true gain, and what it costs.
"""

import argparse
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.events import RunState, SearchEnded, SearchReopened, WinnerConfirmed
from core.run.agenda import Agenda
from core.run.steps import Attribute, Conclude, EndSearch, Measure, Reopen, Stop
from core.run.view import View
from core.search import choose
from core.task import DEFAULTS, Task
from tests.bench.search.early_end import EarlyEnd
from tests.bench.search.problems import PROBLEMS
from tests.bench.search.replay import Arena


@dataclass(frozen=True)
class Told:
    """What one run came to."""

    problem: str
    status: str
    launches: int
    gpu_hours: float
    feasible: bool | None
    """Whether the winner truly holds the SLOs; None: there is none."""
    regret: float | None
    """Of the winner; None where it is not feasible."""
    covered: bool | None
    """Whether the interval of the gain holds the true one; None: no gain was stated."""
    false_gain: bool
    """Whether a gain was announced over defaults that are as good."""


def play(arena: Arena, seed: int, searches: int) -> Told:
    """Play one run to its end."""
    task = Task.model_validate(
        {
            "task_name": "played",
            "model": {"id_or_path": "m"},
            "base_runtime": "simulated",
            "parameters": {},
            "slo": arena.slo.model_dump(),
            "optimization": {
                "objective": arena.problem.objective,
                "seed": seed,
                "max_iterations": searches,
                "reverts": 0,
            },
        }
    )
    agenda = Agenda(task, arena.space, lambda: choose(task.optimization, arena.space, arena.slo))
    state, rng, end, now, gpu_seconds = (
        RunState(),
        np.random.default_rng(seed),
        EarlyEnd(arena),
        0.0,
        0.0,
    )
    while True:
        view = View.of(state, now)
        match agenda.next(view):
            case Stop():
                return _told(arena, state, agenda.best(view), gpu_seconds)
            case EndSearch(reason=reason):
                state.apply(SearchEnded(at=now, reason=reason))
            case Reopen(reason=reason):
                state.apply(SearchReopened(at=now, reason=reason))
            case Conclude(confirmation=confirmation):
                state.apply(WinnerConfirmed(at=now, confirmation=confirmation))
            case Measure() as step:
                number = len(state.experiments)
                experiment, cost = arena.run(
                    number,
                    step.configuration,
                    rng,
                    origin=step.origin,
                    stop=(lambda _: None) if step.full else end,
                )
                began, now = now, now + cost.seconds
                gpu_seconds += cost.gpu_seconds
                state.experiments[number] = experiment.model_copy(
                    update={"began_at": began, "ended_at": now, "promise": step.promise}
                )
                if step.origin in {"baseline", "search"}:
                    end.tell(state.experiments[number])
            case Attribute() | _:
                raise AssertionError("nothing is set back, and nothing runs side by side")


def _told(arena: Arena, state: RunState, best: int | None, gpu_seconds: float) -> Told:
    confirmation = state.confirmation
    assert confirmation is not None
    feasible = regret = covered = None
    false_gain = False
    if best is not None:
        row = arena.row(state.experiments[best].configuration)
        feasible = bool(arena.truth.feasible[row])
        regret = float(arena.regret[row]) if feasible else None
        chosen = confirmation.chosen
        if chosen is not None and chosen.gain is not None:
            home = arena.row(DEFAULTS)
            change = float(arena.truth.value[row] / arena.truth.value[home])
            gain = change - 1 if arena.problem.objective.startswith("maximize") else 1 - change
            covered = chosen.gain.low <= gain <= chosen.gain.high
            false_gain = confirmation.status == "better" and gain <= 0
    return Told(
        arena.problem.name,
        confirmation.status,
        len(state.experiments),
        gpu_seconds / 3600,
        feasible,
        regret,
        covered,
        false_gain,
    )


def summary(runs: Sequence[Told]) -> str:
    """Return the figures, a line each."""
    won = [run for run in runs if run.feasible is not None]
    sure = [run for run in won if run.status != "unconfirmed"]
    stated = [run for run in runs if run.covered is not None]
    regrets = [run.regret for run in won if run.regret is not None]
    broken = sum(not run.feasible for run in won)
    surely_broken = sum(not run.feasible for run in sure)
    nothing = sum(run.feasible is None for run in runs)
    doubts = sum(run.status == "unconfirmed" for run in won)
    held = sum(bool(run.covered) for run in stated)
    return "\n".join(
        [
            f"runs                              {len(runs)}",
            f"status                            {dict(Counter(run.status for run in runs))}",
            f"confirmed, and truly break an SLO {surely_broken} of {len(sure)}",
            f"winners that truly break an SLO   {broken} of {len(won)}",
            f"handed back as unconfirmed        {doubts} of {len(runs)}",
            f"nothing found, though there was   {nothing} of {len(runs)}",
            f"gains announced that are none     {sum(run.false_gain for run in runs)}",
            f"intervals that hold the true gain {held} of {len(stated)}",
            f"median, mean regret of winners    {np.median(regrets):.2%}, {np.mean(regrets):.2%}",
            f"mean launches                     {np.mean([r.launches for r in runs]):.1f}",
            f"mean GPU-hours                    {np.mean([r.gpu_hours for r in runs]):.1f}",
        ]
    )


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", default="", help="names; default: all")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="begin no run after so long"
    )
    parser.add_argument("--searches", type=int, default=50)
    asked = parser.parse_args()
    names = asked.problems.split(",") if asked.problems else [p.name for p in PROBLEMS]
    runs: list[Told] = []
    arenas = [Arena.of(problem) for problem in PROBLEMS if problem.name in names]
    until = time.monotonic() + 60 * asked.minutes
    # Seed by seed, so that time running out leaves every problem as often played as the others.
    for seed in range(asked.first, asked.first + asked.seeds):
        for arena in arenas:
            if time.monotonic() < until:
                runs.append(play(arena, seed, asked.searches))
                print(runs[-1], flush=True)
    print(summary(runs))


if __name__ == "__main__":
    main()
