"""The figures that the search has to reach, from sessions that were played."""

from collections.abc import Callable, Sequence

import numpy as np

from tests.bench.search import sloguard
from tests.bench.search.sessions import BUDGET, Session

_LOOKED_AT = (10, 20, 30, 50)


def table(sessions: Sequence[Session], names: Sequence[str]) -> str:
    """Return every figure, a line each, a column for each strategy; then each problem's medians."""
    by_name = {name: [s for s in sessions if s.strategy == name] for name in names}
    by_name = {name: found for name, found in by_name.items() if found}
    lines = [_row("", list(by_name)), _row("sessions", [str(len(f)) for f in by_name.values()])]

    def add(label: str, figure: Callable[[list[Session]], str]) -> None:
        lines.append(_row(label, [figure(found) for found in by_name.values()]))

    for trial in _LOOKED_AT:
        add(f"mean of median regret at {trial}", lambda f, t=trial: _percent(_regret(f, t)))  # type: ignore[misc]
    add("sessions within 1 % by trial 30", lambda f: f"{_share_within(f, 0.01, 30):.2f}")
    add("sessions within 2 % by trial 25", lambda f: f"{_share_within(f, 0.02, 25):.2f}")
    add("problems, median within 2 % by 25", _problems_within)
    add("mean regret at 30", lambda f: _percent(float(np.mean([s.regret[29] for s in f]))))
    add("failed, of 50", lambda f: f"{np.mean([s.failed for s in f]):.1f}")
    add("infeasible, of 50", lambda f: f"{np.mean([s.infeasible for s in f]):.1f}")
    add("proposed again", lambda f: str(sum(s.repeated for s in f)))
    add("failure proposed again", lambda f: str(sum(s.repeated_failures for s in f)))
    add("CPU ms for each ask", lambda f: f"{np.mean([s.asking for s in f]) / BUDGET * 1e3:.1f}")
    reference = by_name.get("tpe")
    if reference:
        add("GPU time to 2 %, TPE = 1", lambda f: f"{_gpu_ratio(f, reference):.2f}")
    lines += ["", "median trial that is within 2 %, by problem"]
    for problem in dict.fromkeys(s.problem for s in sessions):
        medians = [
            float(np.median([s.trials_to(0.02) for s in found if s.problem == problem] or [np.nan]))
            for found in by_name.values()
        ]
        lines.append(_row(problem, [f"{m:.0f}" if np.isfinite(m) else "–" for m in medians]))
    return "\n".join(lines)


def recorded(names: Sequence[str], seeds: int = 20) -> str:
    """Return how many of a published session's trials each strategy spends in the fast cluster."""
    lines = ["", f"SLO-Guard's recorded table: trials of {sloguard.TRIALS} in the fast cluster"]
    for told, arena in (
        ("with vLLM's own rules", sloguard.arena()),
        ("without", sloguard.unaware()),
    ):
        for name in (n for n in names if "+" not in n):
            counts = [sloguard.fast_trials(arena, name, seed) for seed in range(seeds)]
            error = np.std(counts) / len(counts) ** 0.5
            lines.append(_row(f"{name}, {told}", [f"{np.mean(counts):.2f}", f"± {error:.2f}"]))
    return "\n".join(lines)


def _row(label: str, cells: Sequence[str]) -> str:
    return f"{label:36s}" + "".join(f"{cell:>15s}" for cell in cells)


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _by_problem(sessions: list[Session]) -> list[list[Session]]:
    return [
        [s for s in sessions if s.problem == problem]
        for problem in dict.fromkeys(s.problem for s in sessions)
    ]


def _regret(sessions: list[Session], trial: int) -> float:
    """Return the mean over problems of the median regret after so many trials."""
    medians = [np.median([s.regret[trial - 1] for s in found]) for found in _by_problem(sessions)]
    return float(np.mean(medians))


def _share_within(sessions: list[Session], regret: float, trial: int) -> float:
    return float(np.mean([s.regret[trial - 1] <= regret for s in sessions]))


def _problems_within(sessions: list[Session]) -> str:
    found = _by_problem(sessions)
    within = sum(np.median([s.trials_to(0.02) for s in some]) <= 25 for some in found)
    return f"{within} of {len(found)}"


def _gpu_ratio(sessions: list[Session], reference: list[Session]) -> float:
    """Return the geometric mean over problems of the ratio of median GPU times to within 2 %.

    A session that does not get there counts with all the time that it spent.
    """

    def median(found: list[Session]) -> float:
        return float(np.median([min(s.gpu_seconds_to(0.02), s.gpu_seconds[-1]) for s in found]))

    ratios = []
    for found in _by_problem(sessions):
        other = [s for s in reference if s.problem == found[0].problem]
        if other:
            ratios.append(median(found) / median(other))
    return float(np.exp(np.mean(np.log(ratios))))
