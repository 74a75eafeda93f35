"""The command that starts an experiment's server again, and what else made it what it was. Pure."""

from core.machine.masking import MASK, masked_text
from core.report.characters import one_line
from core.report.launch import folded_further, launch_command_folded
from core.task import is_secret_name, spell
from tui.experiment.answer import ExperimentAnswer
from tui.spans import EMPTY, Line, Span, crop, fit, line, wrap

_ASKED = 16
"""Columns for what was asked."""


def launch_page(answer: ExperimentAnswer, width: int) -> list[Line]:
    """Return command line, environment, GPUs and log."""
    experiment, engine = answer.experiment, answer.stored.task.engine
    if not experiment.argv:
        return [EMPTY, line(Span("  The server of this experiment was never launched.", "muted"))]
    room = max(30, width - 2)
    command = launch_command_folded(experiment.argv, engine.environment, room)
    rows = [
        line(Span(" Launch command", "heading"), Span("   y copies it", "muted")),
        *(row for text in command.split("\n") for row in _pieces(text, room)),
        EMPTY,
        line(
            Span(" Environment", "heading"),
            Span("   what the task sets, beside what the runner inherits", "muted"),
        ),
    ]
    if not engine.environment:
        rows.append(line(Span("   nothing", "muted")))
    names = max(map(len, engine.environment), default=0) + 2
    for name, value in sorted(engine.environment.items()):
        shown = MASK if is_secret_name(name) else masked_text(one_line(value))
        rows.append(line("   ", fit(line(Span(name, "muted")), names), shown))
    rows += _in_force(answer, width)
    rows += [EMPTY, line(Span(" GPUs", "heading"))]
    rows += [line(f"   {uuid}") for uuid in experiment.gpus] or [
        line(Span("   none leased", "muted"))
    ]
    rows += [EMPTY, line(Span(" Server's log", "heading"), Span("   L shows it", "muted"))]
    rows += wrap(one_line(experiment.log), width, indent=3)
    return rows


def _in_force(answer: ExperimentAnswer, width: int) -> list[Line]:
    """Return what was asked beside what the server says it runs with; nothing where it is mute."""
    account = answer.experiment.in_force
    if account is None:
        return []
    says = f"   the server says it is {one_line(account.version)}" if account.version else ""
    rows = [EMPTY, line(Span(" Asked and in force", "heading"), Span(says, "muted"))]
    names = max((len(a.flag) for a in account.arguments), default=0) + 2
    for argument in account.arguments:
        asked = "left out" if argument.asked is None else one_line(spell(argument.asked))
        runs = "not told" if argument.in_force is None else one_line(spell(argument.in_force))
        style = "bad" if argument.differs else "muted" if argument.in_force is None else ""
        mark = Span(f"{'!' if argument.differs else ' '} {runs}", style)
        name = fit(line(Span(one_line(argument.flag), "muted")), names)
        rows.append(crop(line("   ", name, fit(line(asked), _ASKED), mark), width))
    return rows


def _pieces(text: str, room: int) -> list[Line]:
    """Return a line of the command, with its indentation and without control characters."""
    indent = " " * (len(text) - len(text.lstrip(" ")))
    return [line(" ", piece) for piece in folded_further(indent + one_line(text), room)]
