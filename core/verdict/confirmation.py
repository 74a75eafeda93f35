"""From fresh launches to what may be claimed: which configuration wins, and by how much. Pure.

A contender has to keep the hard SLOs by more than the noise (`margin`). What is as likely above a
bound as below it is handed back where there is nothing else, but as unconfirmed. A single launch
that broke an SLO by more than the noise, or crashed, is one too many: whoever serves from it meets
that launch some day.
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
    Gain,
)
from core.task import DEFAULTS, Configuration, Objective, Slo, maximised
from core.verdict.comparison import Difference, differences
from core.verdict.margin import Standing, held, objective_of, scatter, standing
from core.verdict.repeats import LOOKS, geometric_mean


@dataclass(frozen=True)
class Candidate:
    """A configuration and the experiments that measured it anew."""

    experiment: int
    """The experiment that the search made of it."""
    configuration: Configuration
    runs: tuple[Experiment, ...] = ()
    fallen: bool = False
    """Whether it is out, whatever its figures say all in all."""


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

    Among contenders that did not break the hard SLOs, those that clearly keep them go first.

    Args:
        candidates: those that were measured anew.
        defaults: the engine's defaults; None: the task does not want them measured.
        objective: what is improved.
        threshold: the gain that is asked for, as a share.
        least: launches of each side without which nothing is confirmed.
        resolution: how closely the objective can be told at all, as a share.
        slo: the task's; None: it has to be kept on every launch, by however little.
    """
    arms = [c.runs for c in (*candidates, *([defaults] if defaults else []))]
    known = scatter(arms, slo) if slo else {}
    stand = {c.experiment: standing(c.runs, None if c.fallen else slo, known) for c in candidates}
    standing_up = [c for c in candidates if stand[c.experiment].kind != "broken"]
    gains = _gains(standing_up, defaults, objective, resolution)
    control = None
    if defaults is not None:
        control = _contender(defaults, None, standing(defaults.runs, slo, known))
    contenders = [
        _contender(c, gains.get(c.experiment), stand[c.experiment]) for c in candidates if c.runs
    ]
    order = {c.experiment: (not all(map(held, c.runs)), _score(c)) for c in candidates}

    def rank(contender: Contender) -> tuple[float, ...]:
        broke, score = order[contender.experiment]
        in_doubt = bool(contender.reasons)
        return not contender.feasible, in_doubt, in_doubt and broke, score, contender.experiment

    contenders.sort(key=rank)
    winner = next((c for c in contenders if c.feasible), None)
    status, reason = _status(winner, control, threshold, least)
    if winner is None and status == "defaults":
        winner = control
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
    figures = {c.experiment: _figures(c) for c in candidates}
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


def _contender(candidate: Candidate, gain: Gain | None, standing: Standing) -> Contender:
    figures = _figures(candidate)
    return Contender(
        experiment=candidate.experiment,
        configuration=candidate.configuration,
        runs=tuple(run.number for run in candidate.runs),
        value=geometric_mean(figures) if figures else None,
        feasible=bool(candidate.runs) and standing.kind != "broken",
        reasons=standing.reasons,
        gain=gain,
    )


def _status(
    winner: Contender | None, defaults: Contender | None, threshold: float, least: int
) -> tuple[ConfirmationStatus, str]:
    if winner is None:
        fell = "no contender kept the hard SLOs on fresh launches"
        if defaults is None or len(defaults.runs) < least or defaults.reasons:
            return "infeasible", fell
        return "defaults", f"{fell}, and the defaults did"
    standing = defaults is not None and (defaults.feasible or not defaults.runs)
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
