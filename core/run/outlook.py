"""How much is still to come, how long that takes, and what that is reckoned from. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from core.events import Experiment
from core.run.agenda import Agenda
from core.run.steps import Attribute, Conclude, EndSearch, Measure, Reopen, Step, Stop, Wait
from core.run.view import View
from core.task import DEFAULTS, Configuration
from core.verdict.comparison import detectable, drift
from core.verdict.margin import objective_of
from core.verdict.repeats import pooled_noise


@dataclass(frozen=True)
class Outlook:
    """What is to come, if it goes on as so far."""

    remaining: int
    """Most experiments."""
    eta: float | None
    """Seconds; None before anything was measured."""
    basis: str
    """What that is reckoned from, in a phrase."""
    beyond: float = 0.0
    """Seconds of `eta` that come after the next experiment."""


def outlook(agenda: Agenda, view: View, width: int = 1) -> Outlook:
    """Return what is to come.

    Args:
        width: experiments that the search makes side by side.
    """
    shares, searched = agenda.shares, len(view.of_origin("search"))
    spent = agenda.purse(view).spent
    remaining = max(0, shares.launches - int(spent.launches))
    searches = max(0, shares.searches - searched) if view.search_ended is None else 0
    repeats = max(0, shares.repeats - len(view.of_origin("repeat"))) if searches else 0
    if view.confirmation is not None:
        return Outlook(remaining, 0.0, "only what the winner's flags bring is left")
    timed = [e for e in view.over if e.ended_at is not None]
    if not timed:
        return Outlook(remaining, None, "nothing is measured yet")
    arms = _to_confirm(agenda, view)
    each = fmean(_seconds(e) for e in timed if e.origin in {"baseline", "search", "repeat"})
    searching = (searches + repeats) * each / max(1, width)
    confirming = sum(_usual(view, arm, each) for arm in arms)
    phrases = [f"{searches + repeats} to search at {each:.0f} s"] if searches else []
    phrases += [f"{len(arms)} to confirm at {confirming / len(arms):.0f} s"] if arms else []
    ahead = searching + confirming
    beyond = max(0.0, ahead - (each if searches else confirming / max(1, len(arms))))
    budget = agenda.task.optimization.budget
    if budget.time is not None and budget.time - spent.seconds < ahead:
        return Outlook(remaining, max(0.0, budget.time - spent.seconds), "the rest of the budget")
    basis = f"{' and '.join(phrases) or 'nothing'} each, as {len(timed)} took so far"
    return Outlook(remaining, ahead, basis, beyond)


def noise_and_drift(view: View) -> tuple[float | None, float | None]:
    """Return the noise of one measurement and the defaults' drift so far, as shares.

    The noise is that of repeats of equal configurations; the drift is told where it is proved.
    """
    groups: dict[Configuration, list[float]] = {}
    for experiment in view.over:
        value = objective_of(experiment)
        if value is not None and experiment.origin not in {"search", "soak"}:
            groups.setdefault(experiment.configuration, []).append(value)
    defaults = [
        (e.began_at, value)
        for e in view.over
        if e.configuration == DEFAULTS
        and e.origin != "soak"
        and (value := objective_of(e)) is not None
    ]
    moved = drift(defaults)
    return pooled_noise(list(groups.values())), moved.change if moved and moved.proved else None


def _to_confirm(agenda: Agenda, view: View) -> list[Configuration]:
    """Return the configurations of the first look that are still to be launched, in any order."""
    rules = agenda.task.optimization.confirmation
    if not rules.enabled:
        return []
    made = [e.configuration for e in view.of_origin("confirmation")]
    arms = agenda.entrants(view)
    return [arm for arm in arms for _ in range(max(0, rules.repeats[0] - made.count(arm)))]


def _usual(view: View, configuration: Configuration, otherwise: float) -> float:
    took = [_seconds(e) for e in view.over if e.configuration == configuration]
    return fmean(took) if took else otherwise


def _seconds(experiment: Experiment) -> float:
    return (experiment.ended_at or experiment.began_at) - experiment.began_at


def power_in_words(
    known: float | None, usual: float, contenders: int, repeats: Sequence[int]
) -> str:
    """Return what a confirmation can tell: at which noise, how large a gain, how often.

    Args:
        known: noise of one measurement, as a share; None: nothing was measured twice.
        usual: what is taken then.
        contenders: how many are compared with the defaults.
        repeats: launches of each side at each look.
    """
    noise = usual if known is None else known
    source = "taken to vary" if known is None else "varies"
    first = detectable(noise, contenders=contenders, looks=repeats[:1])
    text = (
        f"one measurement {source} by {noise:.1%}: {repeats[0]} fresh launches a side find a gain"
        f" of {first:.1%} three times in four"
    )
    if len(repeats) == 1:
        return text
    return f"{text}, {repeats[-1]} one of {detectable(noise, contenders=1, looks=repeats):.1%}"


def what_next(step: Step) -> str:
    """Return what comes next and why, in a phrase."""
    match step:
        case Measure(origin="search", reason=reason, promise=promise):
            gain = "" if promise is None else f", promises {promise:+.1%}"
            return f"search on: {reason}{gain}"
        case Measure(reason=reason):
            return reason
        case EndSearch(reason=reason):
            return f"confirm the best: {reason}"
        case Reopen(reason=reason):
            return f"search on: {reason}"
        case Conclude():
            return "say what the fresh launches prove"
        case Attribute(effect=effect):
            return f"say what {effect.flag} brings"
        case Wait():
            return "wait for what is under way"
        case Stop(reason=reason):
            return f"end: {reason}"
