"""From fresh launches to what may be claimed: which configuration wins, and by how much. Pure.

A contender has to keep the hard SLOs on every fresh launch. A single one that broke them, or
crashed, is one too many: whoever serves from it meets that launch some day. And it has to keep them
by more than the noise: what is as likely above the bound as below it is handed back where there is
nothing else, but as unconfirmed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from core.events import (
    Confirmation,
    ConfirmationStatus,
    Contender,
    Experiment,
    Failure,
    FailureKind,
    Gain,
    Outcome,
)
from core.task import DEFAULTS, Configuration, Objective, Slo
from core.verdict.comparison import LOOKS, Difference, differences, geometric_mean
from core.verdict.judge import maximised
from core.verdict.margin import doubtful, scatter

_NO_FAULT = {FailureKind.ENVIRONMENT, FailureKind.CLIENT_BOUND}
"""Failures that say nothing about the configuration."""


@dataclass(frozen=True)
class Candidate:
    """A configuration and the experiments that measured it anew."""

    experiment: int
    """The experiment that the search made of it."""
    configuration: Configuration
    runs: tuple[Experiment, ...] = ()


def counts(run: Experiment) -> bool:
    """Return whether a fresh launch says something about its configuration."""
    if run.outcome in {None, Outcome.CANCELLED, Outcome.INTERRUPTED}:
        return False
    return run.failure is None or not _blameless(run.failure)


def held(run: Experiment) -> bool:
    """Return whether a fresh launch was measured and kept every hard SLO."""
    return run.outcome is Outcome.OK and objective_of(run) is not None


def objective_of(run: Experiment) -> float | None:
    """Return the objective where its logarithm can be compared, else None."""
    value = run.verdict.value if run.verdict is not None and run.measured else None
    return value if value is not None and value > 0 else None


def confirm(
    candidates: Sequence[Candidate],
    defaults: Candidate | None,
    *,
    objective: Objective,
    threshold: float = 0.0,
    least: int = LOOKS[0],
    resolution: float = 0.0,
    slo: Slo | None = None,
) -> Confirmation:
    """Return what the fresh launches prove.

    Among contenders that kept the hard SLOs, those that keep them by more than the noise go first.

    Args:
        candidates: those that were measured anew.
        defaults: the engine's defaults; None: the task does not want them measured.
        objective: what is improved.
        threshold: the gain that is asked for, as a share.
        least: launches of each side without which nothing is confirmed.
        resolution: how closely the objective can be told at all, as a share.
        slo: the task's; None: how near its bounds a contender is does not count.
    """
    control = None if defaults is None else _contender(defaults, None)
    gains = _gains(candidates, defaults, objective, resolution)
    arms = [c.runs for c in (*candidates, *([defaults] if defaults else []))]
    known = scatter(arms, slo) if slo else {}
    near = {c.experiment: doubtful(c.runs, slo, known) if slo else None for c in candidates}
    contenders = [
        _contender(c, gains.get(c.experiment), near[c.experiment]) for c in candidates if c.runs
    ]
    scores = {c.experiment: _score(c) for c in candidates}
    contenders.sort(
        key=lambda c: (not c.feasible, bool(near[c.experiment]), scores[c.experiment], c.experiment)
    )
    winner = next((c for c in contenders if c.feasible), None)
    status, reason = _status(winner, control, threshold, least)
    return Confirmation(
        status=status,
        reason=reason,
        winner=winner.experiment if winner else None,
        threshold=threshold,
        contenders=tuple(contenders),
        defaults=control,
    )


def unconfirmed(winner: int | None, reason: str) -> Confirmation:
    """Return the confirmation of a run in which nothing was measured anew."""
    return Confirmation(status="unconfirmed", reason=reason, winner=winner)


def compare(
    runs: Sequence[Experiment],
    others: Sequence[Experiment],
    objective: Objective,
    *,
    resolution: float = 0.0,
) -> Gain | None:
    """Return the gain of one configuration over another, from launches of both; None without."""
    candidate = Candidate(0, DEFAULTS, tuple(runs))
    return _gains([candidate], Candidate(-1, DEFAULTS, tuple(others)), objective, resolution).get(0)


def _gains(
    candidates: Sequence[Candidate],
    defaults: Candidate | None,
    objective: Objective,
    resolution: float,
) -> dict[int, Gain]:
    if defaults is None:
        return {}
    figures = {c.experiment: _figures(c) for c in candidates if all(held(run) for run in c.runs)}
    compared = differences(
        figures, _figures(defaults), maximised=maximised(objective), resolution=resolution
    )
    return {
        number: _gain(found, len(figures[number]), found.control)
        for number, found in compared.items()
    }


def _gain(found: Difference, repeats: int, control: int) -> Gain:
    low, high = found.interval()
    return Gain(
        share=found.gain,
        low=low,
        high=high,
        probability=min(1.0, max(0.0, found.probability())),
        noise=found.noise,
        repeats=repeats,
        control=control,
    )


def _figures(candidate: Candidate) -> list[float]:
    figures = [objective_of(run) for run in candidate.runs]
    return [figure for figure in figures if figure is not None]


def _score(candidate: Candidate) -> float:
    """Return the mean score, in which soft SLOs count, too; lower is better."""
    scores = [run.verdict.score for run in candidate.runs if run.verdict is not None]
    known = [score for score in scores if score is not None]
    return fmean(known) if known else math.inf


def _contender(candidate: Candidate, gain: Gain | None, near: str | None = None) -> Contender:
    figures = _figures(candidate)
    return Contender(
        experiment=candidate.experiment,
        configuration=candidate.configuration,
        runs=tuple(run.number for run in candidate.runs),
        value=geometric_mean(figures) if figures else None,
        feasible=bool(candidate.runs) and all(held(run) for run in candidate.runs),
        reasons=tuple(dict.fromkeys(_fault(run) for run in candidate.runs if not held(run)))
        or ((near,) if near else ()),
        gain=gain,
    )


def _fault(run: Experiment) -> str:
    if run.failure is not None:
        return run.failure.message
    reasons = run.verdict.reasons if run.verdict is not None else ()
    return "; ".join(reasons) or "its objective could not be measured"


def _status(
    winner: Contender | None, defaults: Contender | None, threshold: float, least: int
) -> tuple[ConfirmationStatus, str]:
    if winner is None:
        return "infeasible", "no contender kept the hard SLOs on every fresh launch"
    standing = defaults is not None and not defaults.reasons
    repeats = min(len(winner.runs), len(defaults.runs) if defaults and standing else least)
    if repeats < least:
        return "unconfirmed", f"{repeats} fresh launches a side; it takes {least}"
    if winner.reasons:
        return "unconfirmed", "; ".join(winner.reasons)
    if defaults is None:
        return "alone", "there are no figures of the defaults to compare with"
    if not standing:
        return "alone", f"the defaults are no alternative: {'; '.join(defaults.reasons)}"
    if winner.gain is None:
        return "unconfirmed", "the fresh launches cannot be compared"
    sides = f"{winner.gain.repeats} fresh launches against {winner.gain.control} of the defaults"
    if winner.gain.low > threshold:
        return "better", sides
    return ("worse", sides) if winner.gain.high < threshold else ("indistinct", sides)


def _blameless(failure: Failure) -> bool:
    return failure.kind in _NO_FAULT or failure.transient
