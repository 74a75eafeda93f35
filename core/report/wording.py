"""Findings in sentences that a person would say. The same words for every format and screen.

Each function returns plain text of one line; flags and values stand between backquotes, which
Markdown and HTML set as code and a terminal shows as they are.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence

from core.events import FlagEffect, Gain
from core.report import figures
from core.report.alternatives import Alternative
from core.report.conclusion import Conclusion
from core.report.findings import Caution, Findings, NotInForce
from core.report.gathering import experiments, in_ranges, numbers, shape
from core.report.standing import Costs, HeldLoad, Margin, Standing
from core.task import DEFAULTS, FlagValue, Level, Objective, spell
from core.verdict import objective_metric
from core.verdict.effects import Effect, Interaction
from core.verdict.failures import FailureCase, FailureGroup
from core.verdict.traits import Condition, Trait
from core.verdict.verification import Verification

_TITLES = {
    "incomplete": "not every load level could be measured",
    "bad_flags": "the server refused its flags",
    "out_of_memory": "out of memory",
    "crashed": "the server crashed",
    "start_timeout": "the server was not ready in time",
    "warmup_timeout": "the warm-up ran out of time",
    "measure_timeout": "the measurement ran out of time",
    "request_errors": "requests failed",
    "client_bound": "the load generator was the bottleneck",
    "environment": "this machine got in the way",
}

_TITLED_BY_MESSAGE = {"bad_flags", "crashed", "out_of_memory", "start_timeout", "request_errors"}

_PID = re.compile(r" ?\(PID \d+\)")

_SLO_ADVICE = "ask for less load, give it more GPUs, or leave out the values named above"

_RESPECTS = {
    "throughput_per_gpu": "most throughput per GPU",
    "latency": "lowest latency",
    "ttft": "quickest first token",
    "gpus": "fewest GPUs",
    "energy": "least energy",
    "price": "cheapest",
    "start": "quickest start",
}


def setting(flag: str, value: FlagValue) -> str:
    """Return a flag with its value: `page-size` 64; left out where it has none."""
    return f"`{flag}` left out" if value is None else f"`{flag}` {spell(value)}"


def gain(found: Findings) -> str:
    """Return the gain with what it rests on: `+14.2 % [+11, +18], 5 fresh launches against 5`.

    Empty where there is nothing to compare.
    """
    if found.gain is None:
        return ""
    confirmed = found.confirmed
    if confirmed is None and found.recommended and found.recommended.configuration == DEFAULTS:
        return ""  # of themselves
    if confirmed is None:
        share = figures.percentage(found.gain, signed=True)
        why = found.unconfirmed or "no fresh launches"
        return f"{share}, as the search saw it; not confirmed ({why})"
    share = figures.percentage(confirmed.share, signed=True)
    ends = f"[{_points(confirmed.low)}, {_points(confirmed.high)}]"
    launches = f"{confirmed.repeats} fresh launches against {confirmed.control} of the defaults"
    return f"{share} {ends}, {launches}, {probability(confirmed)}"


def probability(found: Gain) -> str:
    """Return how sure it is that there is a gain at all: `better with a probability of 97.2 %`."""
    return f"better with a probability of {confidence(found.probability)}"


def soak(conclusion: Conclusion) -> str:
    """Return how the winner did under load for long; empty where that was not measured."""
    long = conclusion.soak
    if long is None:
        return ""
    loaded = figures.duration(sum(s.duration for s in long.sub_rounds))
    said = f"Under its heaviest load for longer ({loaded} at {long.sub_rounds[0].level})"
    slos = long.verdict.slos if long.verdict is not None else ()
    if any(slo.broken for slo in slos):
        return f"{said} it broke an SLO."
    return f"{said} it held every SLO." if slos else f"{said} nothing failed."


def confidence(probability: float) -> str:
    """Return a confidence without more nines than anybody can vouch for: 97.2 %, over 99.9 %."""
    return "over 99.9 %" if probability > 0.999 else figures.percentage(probability)


def margin(found: Margin) -> str:
    """Return what is left of an SLO: `E2E P90 5.2 s, 20 % below 6.5 s, at D(100,100) × 16`."""
    title = figures.metric_title(found.metric)
    place = "" if found.level is None else f", at {found.level}"
    limit = figures.latency(found.threshold)
    if found.actual is None or found.left is None:
        return f"{title} could not be measured (SLO {limit})"
    way = "below" if found.left >= 0 else "over"
    spare = f"{abs(found.left) * 100:.0f} % {way} {limit}"
    return f"{title} {figures.latency(found.actual)}, {spare}{place}"


def load(found: HeldLoad) -> str:
    """Return the load that is held, and whether more was tried."""
    rate = figures.metric("output_throughput", found.output_throughput)
    beyond = (
        "the highest measured" if found.breaks_at is None else f"{found.breaks_at} breaks an SLO"
    )
    return f"{found.level}: {rate} of output; {beyond}"


def costs(found: Costs) -> tuple[tuple[str, str], ...]:
    """Return what serving takes, as pairs of a name and a figure; only what was measured."""
    known: list[tuple[str, str | None]] = [
        ("GPUs", str(found.gpus or "none")),
        (
            "GPU memory, at most",
            None if found.peak_memory_bytes is None else gib(found.peak_memory_bytes),
        ),
        ("host memory, at most", _or_none(found.host_memory_bytes, gib)),
        ("start-up", _or_none(found.start_seconds, figures.duration)),
        ("power", _or_none(found.power_watts, lambda w: f"{figures.number(w)} W")),
        (
            "energy per output token",
            _or_none(found.joules_per_token, lambda j: f"{figures.number(j)} J"),
        ),
        (
            "throughput per watt",
            _or_none(found.throughput_per_watt, lambda t: f"{figures.number(t)} tok/s/W"),
        ),
        ("cost of a million tokens", _or_none(found.price_per_million, figures.number)),
    ]
    return tuple((name, text) for name, text in known if text is not None)


def alternative(found: Alternative) -> str:
    """Return what else could be deployed, with the price of it."""
    figure, against = _figure(found.metric, found.figure), _figure(found.metric, found.against)
    return (
        f"{_RESPECTS[found.respect]}: experiment {found.experiment}, {figure} instead of {against}"
    )


def group_title(group: FailureGroup) -> str:
    """Return what a group's members have in common as failures."""
    if group.kind == "slo" and group.metric is not None and group.threshold is not None:
        return f"{figures.metric_title(group.metric)} over {figures.latency(group.threshold)}"
    if len({case.message for case in group.cases}) == 1 and group.kind in _TITLED_BY_MESSAGE:
        return group.cases[0].message
    return _TITLES[group.kind]


def group_name(group: FailureGroup) -> str:
    """Return kind and title in one, without saying the same twice."""
    kind, title = group_kind(group), group_title(group)
    return title if kind in title else f"{kind}: {title}"


def group_kind(group: FailureGroup) -> str:
    """Return the kind in two or three words."""
    return "hard SLO" if group.kind == "slo" else group.kind.replace("_", " ")


def case(found: FailureCase) -> str:
    """Return how one experiment failed: `8.7 s, 34 % over`."""
    if found.actual is not None and found.excess is not None:
        return f"{figures.latency(found.actual)}, {found.excess * 100:.0f} % over"
    lasted = "" if found.lasted is None else f", after {figures.duration(found.lasted)}"
    return f"{found.message}{lasted}"


def cases(group: FailureGroup) -> tuple[tuple[str, str, str], ...]:
    """Return how a group's experiments failed: which, what, evidence; equal ones together.

    Log lines are equal that differ in nothing but figures, such as the time; the first is shown.
    """
    told: dict[tuple[str, str], list[FailureCase]] = {}
    for one in group.cases:
        what = case(one) if one.actual is not None else one.message
        told.setdefault((what, shape(one.evidence)), []).append(one)
    rows = []
    for (what, _), those in told.items():
        lasted = [one.lasted for one in those if one.lasted is not None]
        after = "" if not lasted else f", after {figures.duration(max(lasted))}"
        after = f"{after} at most" if len(lasted) > 1 else after
        rows.append((numbers(one.experiment for one in those), what + after, those[0].evidence))
    return tuple(rows)


def standing(found: Standing, objective: Objective) -> tuple[tuple[str, str], ...]:
    """Return what a configuration gives and takes, as pairs of a name and a figure."""
    title = figures.metric_title(objective_metric(objective))
    pairs = [(title, figures.objective(objective, found.value))]
    pairs += [(figures.metric_title(m), figures.metric(m, v)) for m, v in found.also.items()]
    for one in found.margins:
        sign = "broken" if one.left is None or one.left < 0 else f"{one.left * 100:.0f} % to spare"
        actual = figures.metric(one.metric, one.actual)
        limit = f"{figures.metric_title(one.metric)} ≤ {figures.latency(one.threshold)}"
        pairs.append((limit, f"{actual}, {sign}"))
    pairs += [(f"load held, {held.level.scenario}", _load(held.level)) for held in found.loads]
    launches = len(found.runs)
    measured = ("measured on", f"{launches} launch{'es' * (launches != 1)}")
    return (*pairs, *costs(found.costs), measured)


def _load(level: Level) -> str:
    if level.concurrency is not None:
        return f"{level.concurrency} at once"
    return f"{level.request_rate:g} req/s"


def group_findings(group: FailureGroup) -> tuple[str, ...]:
    """Return what can be said of a group, sentence by sentence."""
    count = len(group.cases)
    said = [trait(found) for found in group.traits]
    if not group.successes:
        said.append("Nothing succeeded, so there is nothing to hold this against.")
    elif not group.traits:
        these = "This configuration has" if count == 1 else f"These {count} have"
        said.append(f"{these} no value in common that the successes lack.")
    if group.unranked:
        unranked = _and([f"`{flag}`" for flag in group.unranked])
        said.append(f"{unranked}: too few cases for each value to say which is worse.")
    return tuple(said)


def trait(found: Trait) -> str:
    """Return what failures share, with the strength of the evidence."""
    what = _together(found)
    having = _of(found.failed, found.failures, "failure")
    lacking = (
        "neither of the 2 successes has"
        if found.succeeded == 0 and found.successes == 2
        else f"none of the {found.successes} successes has"
        if found.succeeded == 0 and found.successes > 1
        else f"{found.succeeded} of {_count(found.successes, 'success')} have"
        if found.successes > 1
        else "the one success has not"
        if found.succeeded == 0
        else "so has the one success"
    )
    chance = f"p = {found.p_value:.2g}" if found.p_value >= 0.0001 else "p < 0.0001"
    weight = f"lift {found.lift:.1f}, {chance}, exact test"
    if not found.proved:
        weight += f"; {found.tried} traits were tried: a suspicion, not a proof"
    return f"{what}: {having}, {lacking} it ({weight})."


def advice(group: FailureGroup) -> str:
    """Return what to try; empty where nobody knows. What proves to be to blame comes first."""
    blamed = next((t for t in group.traits if t.proved and t.exclusive), None)
    if group.advice and group.kind != "slo":
        return "; ".join([*([f"avoid {_together(blamed)}"] if blamed else []), *group.advice])
    if group.advice:
        return "; ".join(group.advice)
    return _SLO_ADVICE if group.kind == "slo" and group.traits else ""


def _together(found: Trait) -> str:
    return " together with ".join(_condition(condition) for condition in found.conditions)


def effect(found: Effect) -> str:
    """Return an effect: "`disable-radix-cache` true instead of false: E2E P90 +41 % [+29, +55]"."""
    change = (
        f"{found.change * 100:+.0f} %" if found.size >= 0.0995 else f"{found.change * 100:+.1f} %"
    )
    ends = f"[{_points(found.low)}, {_points(found.high)}]"
    basis = (
        f"{found.pairs} fresh pair{'s' * (found.pairs != 1)}"
        if found.basis == "fresh"
        else "from the model"
    )
    doubt = "" if found.proved else "; no effect proved"
    other = spelled(found.other)
    value = "leaving it out" if found.value is None else spell(found.value)
    title = figures.metric_title(found.metric)
    return f"`{found.flag}` {other} instead of {value}: {title} {change} {ends}, {basis}{doubt}"


def without_effect(found: Findings) -> str:
    """Return which flags show no effect that is proved; empty where all do, or none is known."""
    proved = {effect.flag for effect in found.effects if effect.proved}
    quiet = dict.fromkeys(e.flag for e in found.effects if e.flag not in proved)
    names = [f"`{flag}`" for flag in quiet]
    return f"No effect is proved of {_and(names)}." if names else ""


def needed(found: FlagEffect) -> str:
    """Return what happens without a flag."""
    other = spelled(found.reverted)
    what = "a hard SLO breaks" if found.gain is not None else "nothing could be measured"
    return f"`{found.flag}` {other} instead of {spell(found.value)}: {what}"


def interaction(found: Interaction) -> str:
    """Return what one flag does only where another is set otherwise.

    "`page-size` 64 instead of 1: E2E P90 +40 % with `disable-radix-cache` true, +0 % with false".
    """
    # Of the two, it is the flag that does less alone whose effect hangs on the other.
    hangs = min((0, 1), key=lambda n: abs(math.log1p(found.alone[n])))
    on = 1 - hangs
    there = (1 + found.together) / (1 + found.alone[on]) - 1
    value = found.values[hangs]
    instead = "leaving it out" if value is None else spell(value)
    beyond = (1 + there) / (1 + found.alone[hangs]) - 1
    return (
        f"`{found.flags[hangs]}` {spelled(found.others[hangs])} instead of {instead}: "
        f"{figures.metric_title(found.metric)} {there * 100:+.0f} % with `{found.flags[on]}` "
        f"{spelled(found.others[on])}, {found.alone[hangs] * 100:+.0f} % with "
        f"{spelled(found.values[on])}: {beyond * 100:+.0f} % [{_points(found.low)}, "
        f"{_points(found.high)}] beyond what both do alone, from the model"
    )


def spelled(value: FlagValue) -> str:
    """Return a value as it stands in a sentence: `left out` where there is none."""
    return "left out" if value is None else spell(value)


def inseparable(flags: Sequence[str]) -> str:
    """Return that some flags cannot be told apart."""
    return (
        f"{_and([f'`{flag}`' for flag in flags])} always changed together: which of them did "
        "something cannot be told."
    )


def not_in_force(found: NotInForce) -> str:
    """Return that a flag was dropped or changed: its figures are those of another value."""
    return (
        f"`{found.flag}` {spell(found.asked)} was not in force in "
        f"{experiments(found.experiments)}: asked for it, the "
        f"server{'s' * (len(found.experiments) > 1)} ran with {spell(found.in_force)}"
    )


def verification(found: Verification, objective: Objective, of: str) -> str:
    """Return what new launches say of an old figure, in one line."""
    otherwise = "; ".join(found.unlike)
    said = _verification(found, objective, of)
    return f"{said} (measured otherwise: {otherwise})" if otherwise else said


def _verification(found: Verification, objective: Objective, of: str) -> str:
    expected = figures.objective(objective, found.expected)
    source = f" ({of})" if of else ""
    many = f"{found.launches} launch{'es' * (found.launches != 1)}"
    if found.broken:
        return f"{found.status}: {'; '.join(found.broken)} ({many}; {expected} expected{source})"
    if found.measured is None or found.change is None or found.low is None or found.high is None:
        return f"{found.status}: nothing could be measured ({expected} expected{source})"
    measured = figures.objective(objective, found.measured)
    change = figures.percentage(found.change, signed=True)
    ends = f"[{_points(found.low)}, {_points(found.high)}]"
    return (
        f"{found.status}: {measured}, {expected} expected{source}: {change} {ends} over {many}; "
        f"{figures.percentage(found.tolerance)} worse is tolerated"
    )


def cautions(found: Iterable[Caution]) -> tuple[str, ...]:
    """Return what to know before trusting the figures; what several experiments share, once."""
    about: dict[str, list[Caution]] = {}
    for caution in found:
        about.setdefault(shape(_PID.sub("", caution.text)), []).append(caution)
    told = []
    for those in about.values():
        who = experiments(c.experiment for c in those if c.experiment is not None)
        texts = [caution.text for caution in those]
        # Identities of processes are no amounts, of which a range would say something.
        text = in_ranges([_PID.sub("", text) for text in texts] if len(those) > 1 else texts)
        told.append(f"{who}: {text}" if who else text)
    return tuple(told)


def gib(count: float) -> str:
    """Write a number of bytes: 23.4 GiB, 210 MiB."""
    unit, name = (2**30, "GiB") if count >= 2**30 else (2**20, "MiB")
    return f"{figures.number(count / unit)} {name}"


def _condition(condition: Condition) -> str:
    if condition.relation == "=":
        return setting(condition.flag, condition.value)
    return f"`{condition.flag}` {condition.relation} {spell(condition.value)}"


def _figure(metric: str, value: float) -> str:
    match metric:
        case "gpus":
            return f"{value:.0f} GPU{'s' * (value != 1)}"
        case "start_seconds":
            return figures.duration(value)
        case "energy_per_token":
            return f"{figures.number(value)} J/token"
        case "cost_per_million_tokens":
            return f"{figures.number(value)} a million tokens"
    return figures.metric(metric, value)


def _points(share: float) -> str:
    """Write an end of an interval in percent, without the sign of percent: +29, −1.3."""
    percent = share * 100
    return f"{percent:+.0f}" if abs(percent) >= 9.95 else f"{percent:+.1f}"


def _of(count: int, total: int, noun: str) -> str:
    if total == 1:
        return f"the one {noun} has it"
    if count < total:
        return f"{count} of {total} {noun}s have it"
    return f"both {noun}s have it" if total == 2 else f"all {total} {noun}s have it"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}es"


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _or_none(value: float | None, write: Callable[[float], str]) -> str | None:
    return None if value is None else write(value)
