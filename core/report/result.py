"""The result of a run on a terminal: every experiment, the winner, its SLOs, its launch command.

It fits 80 columns, uses more where there are more, and ends with what matters most.
"""

from collections.abc import Iterator
from typing import TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from core.events import Experiment
from core.report import front_words
from core.report.characters import BROKEN, STYLES, WARNING, ascii_only, one_line, slo_symbol
from core.report.conclusion import Conclusion
from core.report.experiment_table import experiment_table
from core.report.findings import front_so_far
from core.report.gathering import numbers, shape
from core.report.handover.containers import contained_launch
from core.report.launch import launch_command_folded
from core.report.record import against_record
from core.report.standing import margin_of
from core.report.wording import margin, verification

LONGEST_TABLE = 50
"""Experiments that are shown; of more, the best."""


def print_result(conclusion: Conclusion, file: TextIO, *, width: int | None = None) -> None:
    """Print the result of a run.

    Args:
        width: columns to fit into; by default the terminal's, or 80 where there is none.
    """
    console = Console(file=file, width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        for part in _parts(conclusion, console):
            console.print(part)
        # Nothing that is to be copied may be broken by the terminal's width.
        console.print(_launch(conclusion, console.width), soft_wrap=True)
    text = capture.get()
    file.write(text if console.encoding.startswith("utf") else ascii_only(text))


def _parts(conclusion: Conclusion, console: Console) -> Iterator[RenderableType]:
    yield _title(conclusion)
    yield from _experiments(conclusion, console)
    yield from _front(conclusion)
    yield from _troubles(conclusion)
    yield from _slos(conclusion)
    yield Text(f"\n{conclusion.headline}", style="bold")
    ended = conclusion.state.ended
    if ended is not None and ended.state != "finished":
        yield Text(f"`autotuner --resume {conclusion.task.ref}` goes on where it stopped.")
    if found := against_record(conclusion):
        task = conclusion.task.task
        of = task.expect.of if task.expect else ""
        said = one_line(verification(found, task.optimization.objective, of))
        yield Text(f"Against its record: {said}.")
        if found.status == "inconclusive":
            yield Text("`autotuner verify` launches it as often as it takes.")
    if conclusion.per_server:
        yield Text(conclusion.per_server)
    if conclusion.simulated:
        yield Text(
            "These figures are simulated: they come from a model of a machine, not from one."
        )


def _title(conclusion: Conclusion) -> Text:
    task, began, ended = conclusion.task, conclusion.state.began, conclusion.state.ended
    facts = [
        " ".join(filter(None, (task.task.base_runtime, began.engine_version if began else ""))),
        *(["simulated"] if conclusion.simulated and task.task.base_runtime != "simulated" else []),
        task.task.model.id_or_path,
        f"{ended.state}: {ended.reason}" if ended else "not over yet",
    ]
    return Text.assemble((one_line(task.ref), "bold"), *(f" · {one_line(fact)}" for fact in facts))


def _experiments(conclusion: Conclusion, console: Console) -> Iterator[RenderableType]:
    shown = _shown(conclusion)
    if shown:
        yield Text()
        yield experiment_table(conclusion, shown, console)
    if hidden := len(conclusion.experiments) - len(shown):
        yield Text(f"and {hidden} more that rank below; `autotuner export` has them all")


def _front(conclusion: Conclusion) -> Iterator[RenderableType]:
    """Yield the front, where there are several objectives."""
    if not conclusion.task.task.optimization.also:
        return
    front = front_so_far(conclusion)
    if not front.members:
        return
    yield Text(f"\n{front_words.reading(front)}", style="bold")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row(*front_words.titles(front), style="dim")
    for row in front_words.rows(front, conclusion.state.experiments):
        table.add_row(*map(one_line, row))
    yield table


def _shown(conclusion: Conclusion) -> list[Experiment]:
    ranked = conclusion.ranked
    kept = {
        e.number for e in (*ranked[:LONGEST_TABLE], conclusion.winner, conclusion.baseline) if e
    }
    return [e for e in conclusion.experiments if e.number in kept]


def _troubles(conclusion: Conclusion) -> Iterator[RenderableType]:
    troubled = [e for e in conclusion.experiments if e.failure or e.warnings]
    if not troubled:
        return
    yield Text("\nWhat went wrong", style="bold")
    alike: dict[tuple[object, ...], list[Experiment]] = {}
    for experiment in troubled:
        failure = experiment.failure
        told = (failure.kind, failure.message, failure.advice) if failure else ()
        warned = tuple(shape(warning) for warning in experiment.warnings)
        alike.setdefault((warned, told), []).append(experiment)
    table = Table.grid(padding=(0, 1))
    table.add_column(max_width=_NUMBERS_WIDTH)
    for experiments in alike.values():
        table.add_row(numbers(e.number for e in experiments), _trouble(experiments[0]))
    yield table


_NUMBERS_WIDTH = 12


def _trouble(experiment: Experiment) -> Text:
    lines = [f"{WARNING} {one_line(warning)}" for warning in experiment.warnings]
    if failure := experiment.failure:
        lines.append(f"{BROKEN} {one_line(failure.message)}")
        if failure.evidence:
            lines.append(f"log: {one_line(failure.evidence)}")
        if failure.advice:
            lines.append(f"try: {one_line(failure.advice)}")
        if experiment.log:
            lines.append(f"all of it: {one_line(experiment.log)}")
    return Text("\n".join(lines), overflow="fold")


def _slos(conclusion: Conclusion) -> Iterator[RenderableType]:
    chosen = conclusion.recommended
    if chosen is None or chosen.verdict is None or not chosen.verdict.slos:
        return
    yield Text(f"\nSLOs of experiment {chosen.number}, each at its worst load level", style="bold")
    levels = {sub_round.index: sub_round.level for sub_round in chosen.sub_rounds}
    for slo in chosen.verdict.slos:
        symbol = slo_symbol(slo)
        level = None if slo.sub_round is None else levels.get(slo.sub_round)
        yield Text.assemble((f"{symbol} ", STYLES[symbol]), margin(margin_of(slo, level)))


def _launch(conclusion: Conclusion, width: int) -> Text:
    chosen = conclusion.recommended
    if chosen is None or not chosen.argv:
        return Text("", end="")
    environment = conclusion.task.task.engine.environment
    return Text.assemble(
        (f"\nLaunch command of experiment {chosen.number}\n", "bold"),
        contained_launch(conclusion) or launch_command_folded(chosen.argv, environment, width),
    )
