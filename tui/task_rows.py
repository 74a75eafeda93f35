"""How a task looks in a list. Pure."""

import time
from dataclasses import dataclass
from functools import partial

from core.events import Gain, Outcome
from core.report import figures
from core.report.characters import BEST, BROKEN, HELD, NOTHING, WARNING, one_line
from core.store import TaskState, TaskSummary
from core.verdict import gain
from tui.columns import Column
from tui.experiment_rows import slo_in_words
from tui.spans import Line, Span, crop, joined, line

STATES: dict[TaskState, tuple[str, str, str]] = {
    TaskState.CREATED: ("·", "new", "muted"),
    TaskState.RUNNING: ("▶", "running", "run"),
    TaskState.FINISHED: (HELD, "finished", "ok"),
    TaskState.CANCELLED: (WARNING, "stopped", "warn"),
    TaskState.FAILED: (BROKEN, "failed", "bad"),
    TaskState.INTERRUPTED: (WARNING, "interrupted", "warn"),
}
"""Symbol, word and style of each state."""

_BAR = 8
_NAME = 22


@dataclass(frozen=True)
class TaskRow:
    """One task of the list."""

    task: TaskSummary
    now: float
    """Unix time at which it was read."""


def name(row: TaskRow) -> Line:
    """Return a task's name; one that is long loses its middle, not the number of its run."""
    ref = one_line(row.task.ref)
    mark = Span(" verify", "muted") if row.task.pinned else Span("")
    room = _NAME - len(mark.text)
    if len(ref) > room:
        number = f"…#{row.task.run}"
        ref = ref[: room - len(number)] + number
    return line(ref, mark)


def state(row: TaskRow) -> Line:
    """Return where a task stands."""
    symbol, word, style = STATES[row.task.state]
    return line(Span(f"{symbol} {word}", style))


def progress_bar(done: float, planned: float, width: int) -> Line:
    """Return a bar of `width` cells."""
    full = round(width * min(1.0, done / planned)) if planned else 0
    return line(Span("█" * full, "accent"), Span("░" * (width - full), "muted"))


def progress(row: TaskRow) -> Line:
    """Return a bar with the experiments that are over and those that are planned."""
    over, planned = row.task.done, row.task.planned
    if planned is None:
        return line(Span(NOTHING, "muted"))
    return line(progress_bar(over, planned, _BAR), f" {over}/{planned}")


def outcomes(row: TaskRow) -> Line:
    """Return how the experiments ended: those that went well, that break an SLO, that failed."""
    counts = row.task.outcomes
    if not counts:
        return line(Span(NOTHING, "muted"))
    broken = counts.get(Outcome.INFEASIBLE, 0)
    failed = counts.get(Outcome.FAILED, 0)
    return line(
        Span(f"{counts.get(Outcome.OK, 0)}{HELD}", "ok"),
        Span(f" {broken}{BROKEN}" if broken else "", "bad"),
        Span(f" {failed}{WARNING}" if failed else "", "warn"),
    )


def best(row: TaskRow) -> Line:
    """Return the objective of the best experiment."""
    verdict = row.task.best_verdict
    if verdict is None:
        return line(Span(NOTHING, "muted"))
    return line(figures.objective(verdict.objective, row.task.best_value))


def gain_over_defaults(row: TaskRow, *, short: bool = False) -> Line:
    """Return how much better the best is than the defaults, with its interval once it is proved."""
    task, confirmation = row.task, row.task.confirmation
    chosen = confirmation.chosen if confirmation is not None else None
    if chosen is not None and chosen.gain is not None and chosen.experiment == task.best:
        text = _in_short(chosen.gain) if short else figures.gain_in_words(chosen.gain)
        return line(Span(text, "ok" if chosen.gain.low > 0 else "warn"))
    share = (
        gain(task.best_verdict, task.baseline_verdict)
        if task.best_verdict is not None and task.baseline_verdict is not None
        else None
    )
    if share is None:
        return line(Span(NOTHING, "muted"))
    return line(Span(figures.percentage(share, signed=True), "ok" if share > 0 else ""))


def _in_short(gain: Gain) -> str:
    """Write a gain with its interval for a narrow column: `+82.9 % [+80, +86]`."""
    ends = (f"{end * 100:+.{0 if abs(end) >= 0.1 else 1}f}" for end in (gain.low, gain.high))
    return f"{figures.percentage(gain.share, signed=True)} [{', '.join(ends)}]"


def slo_badge(row: TaskRow) -> Line:
    """Return whether a configuration was found that holds the SLOs."""
    verdict = row.task.best_verdict
    if verdict is not None:
        if not verdict.slos:
            return line(Span("none set", "muted"))
        kept = all(slo.held for slo in verdict.slos)
        return line(Span(f"{HELD} held", "ok") if kept else Span(f"{WARNING} not all", "warn"))
    if row.task.outcomes.get(Outcome.INFEASIBLE):
        return line(Span(f"{BROKEN} broken", "bad"))
    return line(Span(NOTHING, "muted"))


def elapsed(row: TaskRow) -> Line:
    """Return how long runners have worked on it."""
    seconds = row.task.elapsed(row.now)
    return line(figures.clock(seconds) if seconds else Span(NOTHING, "muted"))


def left(row: TaskRow) -> Line:
    """Return how long it will still take."""
    if row.task.state is not TaskState.RUNNING or row.task.eta is None:
        return line(Span(NOTHING, "muted"))
    return line(f"≈{figures.clock(row.task.eta)}")


def began(row: TaskRow) -> Line:
    """Return when it was begun, or made."""
    moment = time.localtime(row.task.began_at or row.task.created_at)
    return line(Span(time.strftime("%m-%d %H:%M", moment), "muted"))


COLUMNS: tuple[Column[TaskRow], ...] = (
    Column("task", name, rank=0, most=_NAME, sort="name"),
    Column("state", state, rank=1, sort="state"),
    Column("progress", progress, rank=1),
    Column("best", best, align="right", rank=3),
    Column("gain", partial(gain_over_defaults, short=True), align="right", rank=1),
    Column("SLOs", slo_badge, rank=2),
    Column("left", left, align="right", rank=4),
    Column("time", elapsed, align="right", rank=5),
    Column("outcomes", outcomes, rank=6),
    Column("engine", lambda r: line(one_line(r.task.engine)), rank=7, sort="engine"),
    Column("began", began, rank=9, sort="created"),
    Column("model", lambda r: line(one_line(r.task.model)), rank=8, most=40, stretch=True,
           sort="model"),
)  # fmt: skip


def details(row: TaskRow, width: int) -> list[Line]:
    """Return what there is to say of the task under the cursor."""
    task, verdict = row.task, row.task.best_verdict
    rows = [
        line(Span("─" * width, "muted")),
        line(
            Span(f" {one_line(task.ref)}", "title"),
            Span(f"   {one_line(task.engine)}", "warn" if task.simulated else "muted"),
            Span(f" · {one_line(task.model)}", "muted"),
        ),
    ]
    if verdict is not None:
        facts = [
            line(Span(f" {BEST} experiment {task.best}", "best")),
            best(row),
            gain_over_defaults(row),
            *map(slo_in_words, verdict.slos),
        ]
        rows.append(joined(facts, "   "))
    if told := outcomes_in_words(task):
        rows.append(line(" ", told))
    return [crop(each, width) for each in rows]


def outcomes_in_words(task: TaskSummary) -> Line:
    """Return how the experiments ended: `12 ok   6 break an SLO   1 failed`."""
    counts = task.outcomes
    again = counts.get(Outcome.CANCELLED, 0) + counts.get(Outcome.INTERRUPTED, 0)
    pruned, under_way = counts.get(Outcome.PRUNED, 0), counts.get(None, 0)
    parts = [
        _counted(counts.get(Outcome.OK, 0), f"{HELD} {{}} ok", "ok"),
        _counted(counts.get(Outcome.INFEASIBLE, 0), f"{BROKEN} {{}} broke an SLO", "bad"),
        _counted(counts.get(Outcome.FAILED, 0), f"{WARNING} {{}} failed", "warn"),
        _counted(pruned, f"{WARNING} {{}} stopped early", "muted"),
        _counted(again, f"{WARNING} {{}} broken off", "muted"),
        _counted(under_way, "▶ {} under way", "run"),
    ]
    return joined(parts, "   ")


def _counted(count: int, text: str, style: str) -> Line:
    return line(Span(text.format(count) if count else "", style))
