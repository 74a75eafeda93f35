"""What goes on in a run, in a few lines. Pure: from the last events of its history."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from core.events import (
    Event,
    Experiment,
    ExperimentJudged,
    FlagReverted,
    LevelProgress,
    Notice,
    RunBegan,
    RunEnded,
    RunState,
    SearchAdvanced,
    WinnerConfirmed,
)
from core.report import figures
from core.report.characters import BEST, BROKEN, HELD, WARNING, one_line
from core.report.narration import ahead, narrate, progress, standing
from core.store import TaskState, TaskSummary
from core.task import Level
from tui.spans import Line, Span, between, crop, joined, line, wrap
from tui.task_rows import progress_bar

EVENTS = 60
"""How many of the last events are read: some experiments' worth."""

_STYLES = {HELD: "ok", BROKEN: "bad", WARNING: "warn", BEST: "best"}


@dataclass(frozen=True)
class Live:
    """A run as it stands."""

    state: RunState
    """What the last events amount to, with the experiments that matter; not the whole history."""
    under_way: tuple[Experiment, ...]
    """The experiments under way, the newest first; several where a run has GPUs for several."""
    known: tuple[Experiment, ...]
    """The experiments that were read: the best, the defaults, the newest among them."""
    news: tuple[tuple[float, str], ...]
    """What happened last, in words, each with its Unix time; the newest last."""
    now: float
    """Unix time at which it was read."""
    levels: tuple[Level, ...]
    """The load levels of every experiment."""

    reports: dict[int, LevelProgress]
    """How the load levels under way are doing, by experiment."""

    def progress(self, of: Experiment) -> LevelProgress | None:
        """Return how an experiment's present phase is doing, where it tells."""
        report = self.reports.get(of.number)
        return report if report is not None and report.phase is of.phase else None


def live(
    events: Sequence[Event],
    experiments: Sequence[Experiment],
    levels: tuple[Level, ...],
    now: float,
) -> Live:
    """Return what the last events of a run amount to.

    Args:
        events: in their order.
        experiments: those that the events may speak of, as they stand now.
        levels: the load levels of every experiment.
        now: Unix time.
    """
    state = RunState()
    state.experiments = {experiment.number: experiment for experiment in experiments}
    news: list[tuple[float, str]] = []
    reports: dict[int, LevelProgress] = {}
    for event in events:
        match event:
            case RunBegan():
                state.began, state.ended = event, None
            case RunEnded():
                state.ended, state.progress = event, None
            case SearchAdvanced():
                state.search = event
            case LevelProgress():
                state.progress = event
                reports[event.experiment] = event
            case WinnerConfirmed():
                state.confirmation = event.confirmation
            case FlagReverted():
                state.effects = {**state.effects, event.effect.flag: event.effect}
        if text := _told(event, state):
            news.append((event.at, text))
    under_way = sorted((e for e in experiments if e.ended_at is None), key=lambda e: -e.number)
    return Live(state, tuple(under_way), tuple(experiments), tuple(news), now, levels, reports)


def _told(event: Event, state: RunState) -> str | None:
    match event:
        case ExperimentJudged() if event.experiment not in state.experiments:
            return None
        case (
            ExperimentJudged()
            | Notice()
            | RunBegan()
            | RunEnded()
            | WinnerConfirmed()
            | FlagReverted()
        ):
            return narrate(event, state)
    return None


def activity(run: Live, summary: TaskSummary, now: float, width: int) -> list[Line]:
    """Return what is being done: two lines for one experiment, a line each for several.

    Empty when nothing is under way.
    """
    if summary.state is not TaskState.RUNNING or not run.under_way:
        return []
    if len(run.under_way) > 1:
        rows = [_in_one_line(run, e, now, width) for e in run.under_way[:_SEVERAL]]
        more = len(run.under_way) - _SEVERAL
        return [*rows, line(Span(f"  and {more} more", "muted"))] if more > 0 else rows
    experiment = run.under_way[0]
    what = one_line(str(experiment.configuration)) if experiment.configuration else ""
    why = ": ".join(filter(None, (one_line(experiment.reason), what)))
    parts = [
        line(Span(_level(run, experiment), "muted")),
        line(Span("why: ", "muted"), why),
    ]
    rows = [_in_one_line(run, experiment, now, width)]
    return [*rows, crop(line("  ", joined(parts, "   ")), width)]


_SEVERAL = 3
"""Experiments under way that have a line each."""


def _in_one_line(run: Live, experiment: Experiment, now: float, width: int) -> Line:
    """Return how the present phase is doing, and since when it goes on."""
    head = line(Span(f"▶ {experiment.number} ", "run"), Span(f"{experiment.phase} ", "bold"))
    report = run.progress(experiment)
    if report is None:
        facts = line(Span(one_line(experiment.phase_detail), "muted"))
    else:
        bar = progress_bar(report.done, report.planned, 8)
        facts = line(bar, Span(f" {progress(report)}", "warn" if report.failed else ""))
    clock = figures.clock(max(0.0, now - experiment.phase_began_at))
    return between(line(head, facts), line(Span(clock, "muted")), width)


def _level(run: Live, experiment: Experiment) -> str:
    """Return the load level under way: `level 2 of 4, D(1200,16) × 12`; empty between levels."""
    report = run.progress(experiment)
    if report is None:
        return ""
    level = run.levels[report.index] if report.index < len(run.levels) else None
    return f"level {report.index + 1} of {len(run.levels)}{f', {level}' if level else ''}"


def standing_lines(run: Live, summary: TaskSummary, width: int) -> list[Line]:
    """Return the best so far against the defaults, and what is still to come."""
    text = standing(run.state)
    going_on = summary.state is TaskState.RUNNING  # then there is more to say in the same room
    rows = wrap(text, width, _STYLES.get(text[:1], "muted"), most=1 if going_on else 2)
    if going_on and run.state.search is not None:
        rows.append(crop(line(Span("  next: ", "muted"), ahead(run.state.search)), width))
    elif run.state.ended is not None:
        ended = run.state.ended
        rows.append(crop(line(Span(f"  {ended.state}: ", "muted"), one_line(ended.reason)), width))
    return rows


def news_lines(run: Live, width: int, most: int, *, each: int = 1) -> list[Line]:
    """Return the newest of what happened, at most `most` lines, the newest at the bottom.

    Args:
        each: lines that one piece of news may take.
    """
    rows: list[Line] = []
    for at, text in reversed(run.news):
        moment = time.strftime("%H:%M:%S ", time.localtime(at))
        told = wrap(text, width - len(moment), _STYLES.get(text[:1], ""), most=each)
        if len(rows) + len(told) > most:
            break
        first, *others = told
        rows[:0] = [
            line(Span(moment, "muted"), first),
            *(line(" " * len(moment), row) for row in others),
        ]
    return rows


def seconds_left(search: SearchAdvanced, began_at: float, now: float) -> float | None:
    """Return how long a run will still take; None where that is not known.

    What was said before the run was taken up again holds from then on. An experiment that takes
    longer than was thought leaves what comes after it to do; after the last, nobody knows.

    Args:
        began_at: when its runner took it up, in Unix time, like `now`.
    """
    if search.eta is None:
        return None
    left = search.eta - (now - max(search.at, began_at))
    return max(left, search.eta_beyond or 0.0) if left > 0 or search.eta_beyond else None
