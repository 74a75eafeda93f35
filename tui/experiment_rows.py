"""How an experiment looks in a list. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from core.events import Experiment, LevelProgress, Outcome, SloVerdict
from core.report import figures
from core.report.characters import (
    BEST,
    BROKEN,
    HELD,
    NOTHING,
    WARNING,
    one_line,
    outcome_symbol,
    slo_symbol,
)
from core.report.conclusion import outcome_in_words, reasons_in_words
from core.task import Choices, ParameterSpace, SloTarget, Task, spell
from core.verdict import maximised, objective_metric
from tui.columns import Column
from tui.spans import EMPTY, Line, Span, joined, line

BASELINE = "◆"
RUNNING = "▶"

_STYLES = {"✓": "ok", "✗": "bad", "!": "warn"}
"""The style that goes with a symbol of `core.report.characters`."""


@dataclass(frozen=True)
class ExperimentRow:
    """One experiment of the list."""

    experiment: Experiment
    best: bool
    progress: LevelProgress | None
    """How its load level is doing, while it is under way."""
    now: float | None
    """Unix time at which it was read; None once it is over, when nothing depends on it."""


Cell: TypeAlias = Callable[[ExperimentRow], Line]


def varied(task: Task) -> tuple[str, ...]:
    """Return the flags that the task lets vary."""
    return tuple(name for name, space in task.parameters.items() if _varies(space))


def _varies(space: ParameterSpace) -> bool:
    return len(space.values) > 1 if isinstance(space, Choices) else space.low < space.high


def columns(task: Task) -> tuple[Column[ExperimentRow], ...]:
    """Return the columns for the experiments of a task."""
    objective = task.optimization.objective
    title = figures.metric_title(objective_metric(objective))
    slos = [figures.metric_title(metric) for metric in task.slo.targets()]
    return (
        Column("#", _number, align="right", rank=0, sort="number"),
        Column("outcome", outcome, rank=0, most=18, sort="outcome"),
        *(Column(flag, _value_of(flag), rank=2, most=18) for flag in varied(task)),
        *([Column("SLOs", _slos, rank=1, sums_up=frozenset(slos))] if slos else []),
        *(
            Column(name, _slo(metric), align="right", rank=3)
            for name, metric in zip(slos, task.slo.targets(), strict=True)
        ),
        Column(title, _objective, align="right", rank=1, sort="value"),
        Column("score", _score, align="right", rank=5, sort="score"),
        Column("time", _time, align="right", rank=4, sort="duration"),
        Column("GPUs", _gpus, rank=6, most=16),
        Column("why", why, rank=4, most=120, stretch=True),
    )


def outcome(row: ExperimentRow) -> Line:
    """Return how it ended or what it is doing, with its symbol."""
    experiment = row.experiment
    if experiment.outcome is None:
        return line(Span(f"{RUNNING} {phase(row)}", "run"))
    symbol = outcome_symbol(experiment)
    return line(Span(f"{symbol} {outcome_in_words(experiment)}", _STYLES.get(symbol, "")))


def phase(row: ExperimentRow) -> str:
    """Return the phase, and how far it is where that is known."""
    progress, experiment = row.progress, row.experiment
    if progress is None or progress.phase is not experiment.phase or not progress.planned:
        return experiment.phase.value
    return f"{experiment.phase} {min(1.0, progress.done / progress.planned):.0%}"


def why(row: ExperimentRow) -> Line:
    """Return why it failed or is infeasible, or, while it is under way, why it was chosen."""
    experiment = row.experiment
    if experiment.failure is not None:
        return line(Span(one_line(experiment.failure.message), "bad"))
    if experiment.outcome is Outcome.INFEASIBLE and experiment.verdict is not None:
        return line(Span("; ".join(reasons_in_words(experiment.verdict.reasons)), "bad"))
    if experiment.warnings:
        return line(Span(one_line(experiment.warnings[-1]), "warn"))
    if experiment.outcome is None:
        return line(Span(one_line(experiment.phase_detail or experiment.reason), "muted"))
    return EMPTY


def _number(row: ExperimentRow) -> Line:
    number = row.experiment.number
    if row.best:
        return line(Span(f"{BEST} {number}", "best"))
    if row.experiment.origin == "baseline":
        return line(Span(f"{BASELINE} {number}", "baseline"))
    return line(str(number))


def _value_of(flag: str) -> Cell:
    def cell(row: ExperimentRow) -> Line:
        configuration = row.experiment.configuration
        if flag not in configuration:
            return line(Span("default", "muted"))
        return line(one_line(spell(configuration[flag])))

    return cell


def _slo(metric: str) -> Cell:
    def cell(row: ExperimentRow) -> Line:
        verdict = row.experiment.verdict
        slos = verdict.slos if verdict is not None else ()
        found = [slo for slo in slos if slo.metric == metric]
        return slo_figure(found[0]) if found else line(Span(NOTHING, "muted"))

    return cell


def _slos(row: ExperimentRow) -> Line:
    verdict = row.experiment.verdict
    symbols = [slo_symbol(slo) for slo in verdict.slos] if verdict is not None else []
    return joined([line(Span(symbol, _STYLES[symbol])) for symbol in symbols], " ")


def figure_against(target: SloTarget | None, value: float, text: str) -> Line:
    """Return a figure with the symbol of what it means to an SLO: ✗ only where it is infeasible."""
    if target is None:
        return line(text)
    tolerated = target.threshold * (1 + target.fail_ratio)
    if value <= target.threshold:
        symbol = HELD
    else:
        symbol = BROKEN if target.hard_fail and value > tolerated else WARNING
    return line(Span(f"{symbol} {text}", _STYLES[symbol]))


def slo_figure(slo: SloVerdict) -> Line:
    """Return the figure of an SLO with the symbol of its verdict."""
    symbol = slo_symbol(slo)
    return line(Span(f"{symbol} {figures.metric(slo.metric, slo.actual)}", _STYLES[symbol]))


def slo_in_words(slo: SloVerdict) -> Line:
    """Return an SLO with its figure and its threshold: `✓ TTFT P90 44.1 ms of 200 ms`."""
    symbol = slo_symbol(slo)
    return line(
        Span(f"{symbol} {figures.metric_title(slo.metric)}", _STYLES[symbol]),
        f" {figures.metric(slo.metric, slo.actual)}",
        Span(f" of {figures.latency(slo.threshold)}", "muted"),
    )


def _objective(row: ExperimentRow) -> Line:
    verdict = row.experiment.verdict
    if verdict is None or verdict.value is None:
        return line(Span(NOTHING, "muted"))
    style = "best" if row.best else ""
    if maximised(verdict.objective):
        return line(Span(figures.number(verdict.value), style))  # the title has the unit
    return line(Span(figures.objective(verdict.objective, verdict.value), style))


def _score(row: ExperimentRow) -> Line:
    verdict = row.experiment.verdict
    return line(Span(figures.score(verdict.score if verdict else None), "muted"))


def _time(row: ExperimentRow) -> Line:
    experiment = row.experiment
    end = experiment.ended_at or row.now
    return line(NOTHING if end is None else figures.clock(max(0.0, end - experiment.began_at)))


def _gpus(row: ExperimentRow) -> Line:
    count = len(row.experiment.gpus)
    if not count:
        return line(Span(NOTHING, "muted"))
    kind, _, rest = row.experiment.gpus[0].partition("-")
    first = rest[:8] if kind in {"GPU", "MIG"} else row.experiment.gpus[0].lower()
    return line(first if count == 1 else f"{count} × {first}")
