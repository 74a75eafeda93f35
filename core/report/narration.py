"""What is happening, in words: one line for an event. Pure; the same line for every display."""

from core.events import (
    Confirmation,
    Event,
    Experiment,
    ExperimentJudged,
    ExperimentQueued,
    FlagEffect,
    FlagReverted,
    HostDescribed,
    LevelMeasured,
    LevelProgress,
    Notice,
    Outcome,
    Phase,
    PhaseBegan,
    RunBegan,
    RunEnded,
    RunState,
    SearchAdvanced,
    SearchEnded,
    SearchReopened,
    ServerDescribed,
    ServerLaunched,
    ServerStopped,
    SubRound,
    WinnerConfirmed,
    reached,
)
from core.report import figures
from core.report.characters import BEST, BROKEN, WARNING, one_line, outcome_symbol
from core.report.conclusion import baseline_of, gain_over, outcome_in_words, reasons_in_words
from core.task import spell


def narrate(event: Event, state: RunState) -> str | None:
    """Return one line for `event`, or None where it says nothing new.

    Args:
        state: the run with the event taken in.
    """
    match event:
        case RunBegan():
            return _began(event)
        case HostDescribed() | ServerDescribed() | ServerStopped():
            return None
        case ExperimentQueued():
            why = f" ({one_line(event.reason)})" if event.reason else ""
            return f"experiment {event.experiment}: {one_line(str(event.configuration))}{why}"
        case PhaseBegan(phase=Phase.DONE):
            return None
        case PhaseBegan():
            detail = f": {one_line(event.detail)}" if event.detail else ""
            return f"experiment {event.experiment}: {event.phase}{detail}"
        case ServerLaunched():
            return f"experiment {event.experiment}: server is {event.server}, log {event.log}"
        case LevelProgress():
            place = f"{event.phase} {level(event.index, state)}"
            return f"experiment {event.experiment}: {place}: {progress(event)}"
        case LevelMeasured():
            sub_round = event.sub_round
            return f"experiment {event.experiment}: {sub_round.level}: {measured(sub_round)}"
        case ExperimentJudged():
            return judged(state.experiments[event.experiment])
        case Notice():
            return notice(event)
        case SearchAdvanced():
            return f"{standing(state)}; {ahead(event)}"
        case SearchEnded():
            return f"the search is over: {one_line(event.reason)}"
        case SearchReopened():
            return f"the search goes on: {one_line(event.reason)}"
        case WinnerConfirmed():
            return confirmed(event.confirmation)
        case FlagReverted():
            return reverted(event.effect)
        case RunEnded():
            return f"{event.state}: {one_line(event.reason)}"


def judged(experiment: Experiment) -> str:
    """Return the result of an experiment: `✓ experiment 3: ok, 1.61 s (page-size=64)`."""
    words = [outcome_in_words(experiment)]
    if experiment.stopped_because:
        words = [f"{words[0]}: {one_line(experiment.stopped_because)}"]
    if experiment.failure is not None:
        words = [f"{words[0]}: {one_line(experiment.failure.message)}"]
    if verdict := experiment.verdict:
        words += (
            [figures.objective(verdict.objective, verdict.value)]
            if verdict.value is not None
            else []
        )
        if experiment.outcome is Outcome.INFEASIBLE:
            words += reasons_in_words(verdict.reasons)
    result, configuration = "; ".join(words), one_line(str(experiment.configuration))
    symbol = outcome_symbol(experiment)
    return f"{symbol} experiment {experiment.number}: {result} ({configuration})"


def confirmed(confirmation: Confirmation) -> str:
    """Return what fresh launches proved: `★ confirmed: experiment 8 gains +12.0 % (…)`."""
    chosen, why = confirmation.chosen, figures.with_titles(one_line(confirmation.reason))
    subject = f"experiment {confirmation.winner}"
    if confirmation.winner is None:
        return f"{confirmation.status}: {why}"
    if chosen is None or chosen.gain is None:
        return f"{confirmation.status}: {subject}: {why}"
    gain = chosen.gain
    share, low, high = (
        figures.percentage(end, signed=True) for end in (gain.share, gain.low, gain.high)
    )
    sign = f"{BEST} " if confirmation.status == "better" else ""
    return (
        f"{sign}{confirmation.status}: {subject} against the defaults {share} "
        f"({low} to {high}; {why})"
    )


def reverted(effect: FlagEffect) -> str:
    """Return what a flag brings: `quantization=fp8 brings +80.1 % (+78.0 % to +82.2 %)`."""
    what = f"{effect.flag}={spell(effect.value)}"
    if effect.gain is None:
        return f"{what}: without it nothing could be measured"
    gain = effect.gain
    share, low, high = (
        figures.percentage(end, signed=True) for end in (gain.share, gain.low, gain.high)
    )
    without = "" if effect.feasible else "; without it the SLOs break"
    return f"{what} brings {share} ({low} to {high}){without}"


def notice(event: Notice) -> str:
    """Return a notice with the sign of its severity."""
    sign = {"info": "", "warning": f"{WARNING} ", "error": f"{BROKEN} "}[event.severity]
    about = "" if event.experiment is None else f"experiment {event.experiment}: "
    return f"{sign}{about}{one_line(event.text)}"


def progress(event: LevelProgress) -> str:
    """Return how a load level is doing: `23 of 50 requests, 812 tok/s, TTFT 92.1 ms`."""
    facts = [f"{event.done} of {event.planned} requests"]
    facts += [f"{event.failed} failed"] if event.failed else []
    facts.append(figures.metric("output_throughput", event.output_throughput))
    facts += [f"TTFT {figures.latency(event.ttft)}"] if event.ttft is not None else []
    return ", ".join(facts)


def measured(sub_round: SubRound) -> str:
    """Return the figures of a sub-round that say most."""
    names = ("ttft_mean", "tpot_mean", "e2e_latency_mean", "output_throughput")
    facts = [
        f"{'' if name == 'output_throughput' else figures.metric_title(name) + ' '}"
        f"{figures.metric(name, sub_round.metric(name))}"
        for name in names
    ]
    failed = sum(sub_round.requests.failed.values())
    facts += [f"{failed} of {sub_round.requests.sent} requests failed"] if failed else []
    return ", ".join(facts)


def level(index: int, state: RunState) -> str:
    """Return a load level by its place among the task's."""
    levels = state.began.levels if state.began else ()
    if index >= len(levels):
        return f"level {index + 1}"
    return f"level {index + 1} of {len(levels)}, {levels[index]}"


def standing(state: RunState) -> str:
    """Return the best, so far or at the end, and how it stands to the defaults."""
    best, baseline = state.best, baseline_of(state.experiments.values())
    over = state.ended is not None
    if best is None or best.verdict is None:
        return "nothing feasible" if over else "nothing feasible yet"
    proof = state.confirmation
    came_to = reached(proof, best.number, best.verdict.value)
    value = figures.objective(best.verdict.objective, came_to)
    text = f"{BEST} best{'' if over else ' so far'}: experiment {best.number}, {value}"
    if best is baseline:
        return f"{text}, the defaults"
    chosen = proof.chosen if proof is not None else None
    if chosen is not None and chosen.gain is not None and chosen.experiment == best.number:
        gained = figures.gain_in_words(chosen.gain)
        if proof is not None and proof.status in {"indistinct", "worse"}:
            less = "worse" if proof.status == "worse" else "not distinguishable"
            return f"keep the defaults: experiment {best.number} is {less}, {gained} against them"
        return f"{text}, {gained} against the defaults"
    gain = gain_over(best, baseline)
    if gain is None:
        return text
    return f"{text}, {figures.percentage(gain, signed=True)} against the defaults"


def ahead(event: SearchAdvanced) -> str:
    """Return how much is still to come."""
    if event.remaining == 0:
        return "nothing left to try"
    time = "" if event.eta is None else f", about {figures.duration(event.eta)}"
    basis = f": {one_line(event.eta_basis)}" if event.eta_basis else ""
    return f"at most {event.remaining} more{time}{basis}"


def _began(event: RunBegan) -> str:
    simulated = (
        " (simulated: the figures come from a model of a machine)" if event.simulated else ""
    )
    engine = " ".join(filter(None, (event.engine, event.engine_version)))
    size = "" if event.space_size is None else f"{event.space_size:,} configurations, "
    again = "taken up again: " if event.resumed else ""
    levels = f"{len(event.levels)} load level{'s' * (len(event.levels) != 1)} each"
    return f"{again}{engine}{simulated}: {size}at most {event.planned} experiments, {levels}"
