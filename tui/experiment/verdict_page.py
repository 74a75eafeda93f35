"""The verdict on an experiment in words, with the arithmetic of its score, and its phases. Pure."""

import math
from collections.abc import Iterator

from core.events import Experiment, Outcome, Phase, SloVerdict, Verdict
from core.report import figures
from core.report.characters import BEST, one_line, outcome_symbol, slo_symbol
from core.report.conclusion import outcome_in_words, reasons_in_words
from core.report.narration import progress
from core.report.wording import gib
from core.store import TaskState
from core.task import Slo, spell
from core.verdict import gain, maximised, objective_metric
from tui.experiment.answer import ExperimentAnswer
from tui.spans import EMPTY, Line, Span, fit, line, wrap

_STYLES = {"✓": "ok", "✗": "bad", "!": "warn"}
_NAME = 11
"""Cells for the names of phases."""


def verdict_page(answer: ExperimentAnswer, width: int) -> list[Line]:
    """Return the page."""
    experiment = answer.experiment
    parts = [
        list(_outcome(answer, width)),
        list(_failure(experiment, width)),
        list(_configuration(experiment)),
        list(_slos(answer, width)),
        list(_score(experiment.verdict, answer.stored.task.slo)),
        list(_phases(experiment, answer.now, width)),
        [
            row
            for text in experiment.warnings
            for row in wrap(f"! {one_line(text)}", width, "warn", indent=1)
        ],
    ]
    return [row for part in parts if part for row in (*part, EMPTY)]


def _outcome(answer: ExperimentAnswer, width: int) -> Iterator[Line]:
    experiment, verdict = answer.experiment, answer.experiment.verdict
    symbol = outcome_symbol(experiment)
    if experiment.outcome is None:
        detail = f": {one_line(experiment.phase_detail)}" if experiment.phase_detail else ""
        yield line(Span(f" ▶ {experiment.phase.value}", "run"), detail)
        if answer.progress is not None:
            yield line(f"   level {answer.progress.index + 1}: {progress(answer.progress)}")
        return
    so_far = " so far" if answer.summary.state is TaskState.RUNNING else ""
    yield line(
        Span(f" {symbol} {_in_a_sentence(experiment)}", _STYLES.get(symbol, "")),
        Span(f"   {BEST} the best{so_far}", "best") if answer.is_best else EMPTY,
    )
    for reason in reasons_in_words(verdict.reasons) if verdict else ():
        yield from wrap(one_line(reason), width, "bad", indent=3)
    if verdict is None or verdict.value is None:
        return
    value = line("   ", Span(figures.objective(verdict.objective, verdict.value), "bold"))
    share = gain(verdict, answer.baseline) if answer.baseline is not None else None
    if experiment.origin == "baseline":
        yield line(value, Span("   this is the baseline: the engine's own defaults", "muted"))
    elif share is not None and answer.baseline is not None:
        instead = figures.objective(verdict.objective, answer.baseline.value)
        signed = Span(f", {figures.percentage(share, signed=True)}", "ok" if share > 0 else "bad")
        yield line(value, signed, Span(f" against the defaults ({instead})", "muted"))
    else:
        yield value


def _in_a_sentence(experiment: Experiment) -> str:
    match experiment.outcome:
        case Outcome.OK:
            verdict = experiment.verdict
            if verdict is None or not verdict.slos:
                return "ok: measured at every load level"
            if all(slo.held for slo in verdict.slos):
                return "ok: every SLO holds at every load level"
            return "ok: no hard SLO is broken, but not every SLO holds"
        case Outcome.INFEASIBLE:
            return "infeasible: it breaks what the SLOs demand"
        case Outcome.PRUNED:
            return "stopped early: it could not have won any more"
        case Outcome.FAILED:
            return f"failed: {outcome_in_words(experiment)}"
        case Outcome.CANCELLED:
            return "cancelled: you stopped it"
        case Outcome.INTERRUPTED:
            return "interrupted: its runner ended in the middle"
    return experiment.phase.value


def _failure(experiment: Experiment, width: int) -> Iterator[Line]:
    failure = experiment.failure
    if failure is None:
        return
    yield line(Span(" Why it failed", "heading"))
    yield from wrap(one_line(failure.message), width, "bad", indent=3)
    if failure.evidence:
        yield line(Span("   the log says   (L opens it)", "muted"))
        yield from wrap(f"│ {one_line(failure.evidence)}", width, indent=3)
    if failure.advice:
        yield from wrap(f"try: {one_line(failure.advice)}", width, indent=3)
    if failure.transient:
        yield line(Span("   the same may well go right the next time", "muted"))


def _configuration(experiment: Experiment) -> Iterator[Line]:
    why = f"   chosen: {one_line(experiment.reason)}" if experiment.reason else ""
    yield line(Span(" Configuration", "heading"), Span(why, "muted"))
    if not experiment.configuration:
        yield line("   the engine's own defaults")
        return
    names = max(len(flag) for flag in experiment.configuration) + 2
    for flag, value in experiment.configuration.items():
        yield line("   ", fit(line(Span(flag, "muted")), names), one_line(spell(value)))


def _slos(answer: ExperimentAnswer, width: int) -> Iterator[Line]:
    verdict = answer.experiment.verdict
    if verdict is None:
        return
    yield line(
        Span(" SLOs", "heading"),
        Span("   each at the load level that kept it worst", "muted"),
    )
    if not verdict.slos:
        yield line("   the task sets none")
    for slo in verdict.slos:
        yield from wrap_line(_slo(slo, answer), width)


def _slo(slo: SloVerdict, answer: ExperimentAnswer) -> Line:
    symbol = slo_symbol(slo)
    target = answer.stored.task.slo.targets().get(slo.metric)
    allowed = (
        f", up to {figures.percentage(target.fail_ratio)} over is let pass"
        if target is not None and slo.hard and target.fail_ratio
        else ""
    )
    level = next((s.level for s in answer.experiment.sub_rounds if s.index == slo.sub_round), None)
    return line(
        Span(f"   {symbol} ", _STYLES[symbol]),
        fit(line(figures.metric_title(slo.metric)), 10),
        fit(line(Span(figures.metric(slo.metric, slo.actual), _STYLES[symbol])), 9, "right"),
        f"  {_against(slo)} {figures.latency(slo.threshold)}",
        Span(f"   {'hard' if slo.hard else 'soft'}{allowed}", "muted"),
        Span(f"   at {level}" if level is not None else "", "muted"),
    )


def _against(slo: SloVerdict) -> str:
    if slo.actual is None:
        return "not measured, of"
    if slo.held:
        return f"{figures.percentage(1 - slo.actual / slo.threshold)} below"
    return f"{figures.percentage(slo.violation)} over"


def _score(verdict: Verdict | None, slo: Slo) -> Iterator[Line]:
    if verdict is None or verdict.value is None or verdict.score is None:
        return
    base = -verdict.value if maximised(verdict.objective) else verdict.value
    yield line(
        Span(" Score  ", "heading"),
        Span(figures.score(verdict.score), "bold"),
        Span("   lower is better", "muted"),
    )
    title = figures.metric_title(objective_metric(verdict.objective))
    sign = "minus the " if base < 0 else ""
    yield line(f"   base = {sign}mean {title} over the load levels = {figures.score(base)}")
    for each in verdict.slos:
        if each.penalty:
            yield line(f"   {_penalty(each, slo)}")
    total = sum(each.penalty for each in verdict.slos)
    if total:
        yield line(
            f"   score = base + penalties × |base| = {figures.score(base)} + "
            f"{figures.number(total)} × {figures.score(abs(base))}"
        )
    else:
        yield line(
            Span("   no SLO is broken, so there is no penalty: the score is the base", "muted")
        )


def _penalty(verdict: SloVerdict, slo: Slo) -> str:
    target = slo.targets().get(verdict.metric)
    name = figures.metric_title(verdict.metric)
    if target is None:
        return f"penalty of {name} = {figures.number(verdict.penalty)}"
    exponent = f"{verdict.violation:.3g} / {slo.steepness:g}"
    return (
        f"penalty of {name} = weight {target.weight:g} × e^({exponent}) = "
        f"{figures.number(verdict.penalty) if math.isfinite(verdict.penalty) else '∞'}"
    )


def _phases(experiment: Experiment, now: float, width: int) -> Iterator[Line]:
    spent = [(phase, seconds) for phase, seconds in experiment.spent.items()]
    if experiment.phase is not Phase.DONE:
        so_far = max(0.0, now - experiment.phase_began_at)
        spent = [(p, s) for p, s in spent if p is not experiment.phase]
        spent.append((experiment.phase, experiment.spent.get(experiment.phase, 0.0) + so_far))
    total = sum(seconds for _, seconds in spent)
    if not total:
        return
    yield line(Span(" Phases", "heading"), Span(f"   {figures.duration(total)} in all", "muted"))
    room = max(10, min(100, width - _NAME - 16))
    before = 0.0
    for phase, seconds in spent:
        begin = round(room * before / total)
        length = max(1, round(room * (before + seconds) / total) - begin)
        style = "run" if phase is Phase.MEASURING else "accent"
        yield line(
            "   ",
            fit(line(phase.value), _NAME),
            fit(line(Span(figures.duration(seconds), "muted")), 11, "right"),
            " " * (begin + 1),
            Span("█" * min(length, room - begin + 1), style),
        )
        before += seconds
    if experiment.peak_memory is not None:
        yield line("   ", fit(line("memory"), _NAME), " ", gib(experiment.peak_memory), " at most")


def wrap_line(of: Line, width: int) -> list[Line]:
    """Return a line of spans, broken between spans where it is too long."""
    rows: list[list[Span]] = [[]]
    used = 0
    for span in of:
        if used + len(span.text) > width and rows[-1]:
            rows.append([Span("       ")])
            used = 7
            span = Span(span.text.lstrip(), span.style)
        rows[-1].append(span)
        used += len(span.text)
    return [tuple(row) for row in rows]
