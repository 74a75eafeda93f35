"""The table of experiments: a column for every figure or, where it is narrow, several to a cell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from core.events import Experiment, SloVerdict, Verdict
from core.report import figures
from core.report.characters import BEST, NOTHING, STYLES, outcome_symbol, slo_symbol
from core.report.conclusion import Conclusion, outcome_in_words
from core.task import Optimization, Task, spell
from core.verdict import maximised, objective_metric

_UNBOUNDED = 10_000


@dataclass(frozen=True)
class _Column:
    title: str
    cell: Callable[[Experiment], Text]
    right: bool = False
    whole: bool = False
    """Whether its lines stay in one piece when others have to be broken."""


def experiment_table(
    conclusion: Conclusion, experiments: Sequence[Experiment], console: Console
) -> Table:
    """Return the table in its wide form if the console has room for it, else in its narrow form."""
    wide = _table(_wide(conclusion), experiments)
    unbounded = console.options.update(width=_UNBOUNDED)
    if Measurement.get(console, unbounded, wide).maximum <= console.width:
        return wide
    return _table(_narrow(conclusion, experiments), experiments)


def _table(columns: Sequence[_Column], experiments: Sequence[Experiment]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            overflow="fold",
            no_wrap=column.whole,
        )
    for experiment in experiments:
        table.add_row(*(column.cell(experiment) for column in columns))
    return table


def _wide(conclusion: Conclusion) -> list[_Column]:
    task = conclusion.task.task
    return [
        _number(conclusion),
        *(_Column(flag, _value_of(flag)) for flag in conclusion.varied),
        *(_Column(figures.metric_title(metric), _slo(metric)) for metric in task.slo.targets()),
        *(
            _objective(task.optimization, place)
            for place in range(len(task.optimization.objectives))
        ),
        _SCORE,
        _TIME,
        _OUTCOME,
    ]


def _narrow(conclusion: Conclusion, experiments: Sequence[Experiment]) -> list[_Column]:
    return [
        _number(conclusion),
        _Column("parameters", _parameters(experiments)),
        *_narrow_slos(conclusion.task.task),
        _narrow_objective(conclusion.task.task, experiments),
        _TIME,
        _OUTCOME,
    ]


def _narrow_slos(task: Task) -> list[_Column]:
    metrics = list(task.slo.targets())
    if len(metrics) == 1:
        title = figures.metric_title(metrics[0]).replace(" ", "\n")
        return [_Column(title, _slo(metrics[0]), whole=True)]
    return [_Column("SLOs", _every_slo, whole=True)] if metrics else []


def _narrow_objective(task: Task, experiments: Sequence[Experiment]) -> _Column:
    objective = _objective(task.optimization)
    title = objective.title.replace(" ", "\n")
    verdicts = [e.verdict for e in experiments if e.verdict]
    if all(v.value is None or v.score is None or abs(v.score) == abs(v.value) for v in verdicts):
        # Without a penalty, the score says the same again.
        return _Column(title, objective.cell, right=True, whole=True)
    return _Column(
        f"{title}\nand score",
        lambda e: Text("\n").join([objective.cell(e), _SCORE.cell(e)]),
        right=True,
        whole=True,
    )


def _number(conclusion: Conclusion) -> _Column:
    chosen = conclusion.recommended

    def cell(experiment: Experiment) -> Text:
        if chosen is not None and experiment.number == chosen.number:
            return Text(f"{BEST} {chosen.number}", STYLES[BEST])
        return Text(str(experiment.number))

    return _Column("#", cell, right=True)


def _value_of(flag: str) -> Callable[[Experiment], Text]:
    def cell(experiment: Experiment) -> Text:
        if flag not in experiment.configuration:
            return Text("default", "dim")
        return Text(spell(experiment.configuration[flag]))

    return cell


def _parameters(experiments: Sequence[Experiment]) -> Callable[[Experiment], Text]:
    first = {e.configuration: e.number for e in reversed(experiments)}

    def cell(experiment: Experiment) -> Text:
        flags = experiment.configuration.items()
        if flags and (same := first[experiment.configuration]) != experiment.number:
            return Text(f"as {same}", "dim")
        # A space, unlike an equals sign, is where a long name and its value can part.
        lines = [f"{flag} {spell(value)}" for flag, value in flags]
        return Text("\n".join(lines) or str(experiment.configuration))

    return cell


def _slo(metric: str) -> Callable[[Experiment], Text]:
    def cell(experiment: Experiment) -> Text:
        slos = experiment.verdict.slos if experiment.verdict else ()
        return next((_slo_figure(slo) for slo in slos if slo.metric == metric), Text(NOTHING))

    return cell


def _every_slo(experiment: Experiment) -> Text:
    slos = experiment.verdict.slos if experiment.verdict else ()
    return Text("\n").join(
        [_slo_figure(slo, figures.metric_title(slo.metric)) for slo in slos] or [Text(NOTHING)]
    )


def _slo_figure(slo: SloVerdict, title: str = "") -> Text:
    symbol = slo_symbol(slo)
    return Text(
        " ".join(filter(None, (symbol, title, figures.metric(slo.metric, slo.actual)))),
        style=STYLES[symbol],
    )


def _judged(write: Callable[[Verdict], str]) -> Callable[[Experiment], Text]:
    return lambda experiment: Text(write(experiment.verdict) if experiment.verdict else NOTHING)


def _objective(optimization: Optimization, place: int = 0) -> _Column:
    """Return the column of one of the objectives."""
    objective = optimization.objectives[place]

    def write(verdict: Verdict) -> str:
        values = verdict.values
        value = values[place] if place < len(values) else None
        if value is not None and maximised(objective):
            return figures.number(value)  # the title has the unit
        return figures.objective(objective, value)

    return _Column(figures.metric_title(objective_metric(objective)), _judged(write), right=True)


def _time(experiment: Experiment) -> Text:
    end = experiment.ended_at
    return Text(NOTHING if end is None else figures.clock(end - experiment.began_at))


def _outcome(experiment: Experiment) -> Text:
    words = outcome_in_words(experiment)
    if experiment.origin not in {"baseline", "search"}:
        words += f" ({experiment.origin})"
    symbol = outcome_symbol(experiment)
    return Text(f"{symbol} {words}", STYLES.get(symbol, ""))


_SCORE = _Column("score", _judged(lambda verdict: figures.score(verdict.score)), right=True)
_TIME = _Column("time", _time, right=True)
_OUTCOME = _Column("outcome", _outcome)
