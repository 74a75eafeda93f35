"""What the experiments with each value of a parameter reached: a dot for each, on one scale. Pure.

The dots are every measurement and claim no effect: the other parameters vary along, so that the
means of such groups mislead. What a flag alone does stands below them, as it was proved.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.report import figures
from core.report.characters import one_line
from core.report.quantities import Quantity
from core.report.scale import Scale, scale, ticks, unit
from core.task import FlagValue, spell
from core.verdict.effects import Effect
from tui.chart.run_points import ExperimentPoint
from tui.chart.spec import VERDICTS, natural_order, value_text, verdict_name
from tui.spans import EMPTY, Line, Span, crop, fit, from_cells, length, line, wrap

_NAME = 22
_COUNT = 6


@dataclass(frozen=True)
class _Dot:
    at: float
    glyph: str
    style: str
    rank: int
    """Those of a higher rank are drawn over others."""


def by_value(
    experiments: Sequence[ExperimentPoint],
    flags: Sequence[str],
    of: Quantity,
    best: int | None,
    effects: Sequence[Effect],
    lacking: str,
    width: int,
) -> list[Line]:
    """Return a block for each flag with a row for each of its values.

    Args:
        flags: the parameters that vary.
        of: the quantity on the scale.
        effects: what was proved of single flags, held against the recommended configuration.
        lacking: why there are none.
    """
    figures = {e.number: e.figure(of.name) for e in experiments}
    known = [e for e in experiments if figures[e.number] is not None]
    if not known or not flags:
        why = "no experiment has this figure yet" if flags else "the task varies no parameter"
        return [EMPTY, line(Span(f"  {why}", "muted"))]
    room = max(20, width - _NAME - _COUNT - 2)
    span = scale([figures[e.number] or 0.0 for e in known])
    rows: list[Line] = []
    for flag in flags:
        groups: dict[str, list[_Dot]] = {}
        for experiment in known:
            look = VERDICTS[verdict_name(experiment, best)]
            rank = 2 if experiment.number == best else int(experiment.baseline)
            dot = _Dot(figures[experiment.number] or 0.0, look.glyph, look.style, rank)
            groups.setdefault(value_text(experiment, flag), []).append(dot)
        rows.append(crop(line(Span(f" {flag}", "title")), width))
        rows += [
            _row(value, groups[value], span, room) for value in sorted(groups, key=natural_order)
        ]
        rows.append(EMPTY)
    proved = [effect for effect in effects if effect.flag in flags]
    return [
        *rows,
        *_axis(of, span, room),
        EMPTY,
        *_legend(known, best),
        EMPTY,
        *_effects(proved, of, lacking, width),
    ]


def _effects(effects: Sequence[Effect], of: Quantity, lacking: str, width: int) -> list[Line]:
    heading = line(Span(" What single flags do", "heading"), Span(f"  to {of.title}", "muted"))
    if not effects:
        return [heading, *wrap(lacking, width, "muted", indent=3)] if lacking else []
    said = "   the recommended configuration with one flag set otherwise; 95 % intervals"
    changes = [line(f"   {e.flag} ", Span(f"{_spelled(e.value)} → ", "muted"), _spelled(e.other))
               for e in effects]  # fmt: skip
    names = min(width // 2, max(map(length, changes)))
    rows = [
        line(fit(change, names), _told(effect, of))
        for change, effect in zip(changes, effects, strict=True)
    ]
    return [heading, *(crop(row, width) for row in rows), line(Span(said, "muted"))]


def _told(effect: Effect, of: Quantity) -> Line:
    worse = (effect.change < 0) == (of.better == "higher")
    low, high = (figures.percentage(v, signed=True) for v in (effect.low, effect.high))
    basis = "fresh launches" if effect.basis == "fresh" else "by the search's model"
    change = Span(figures.percentage(effect.change, signed=True), "bad" if worse else "ok")
    return line(
        fit(line(change), 9, "right"),
        Span(f" [{low}, {high}]  {basis}", "muted"),
    )


def _spelled(value: FlagValue) -> str:
    return "left out" if value is None else one_line(spell(value))


def _row(value: str, dots: Sequence[_Dot], span: Scale, room: int) -> Line:
    cells = [("·" if at % 2 == 0 else " ", "muted") for at in range(room)]
    for dot in sorted(dots, key=lambda d: d.rank):
        cells[min(room - 1, max(0, int(span.fraction(dot.at) * room)))] = (dot.glyph, dot.style)
    name = fit(line(f"   {value}"), _NAME)
    count = fit(line(Span(f"×{len(dots)}", "muted")), _COUNT, "right")
    return line(name, from_cells(cells), count)


def _axis(of: Quantity, span: Scale, room: int) -> list[Line]:
    rule, names = ["─"] * room, [" "] * (room + _NAME)
    unit_of, free = unit(of, span), 0
    for tick in ticks(span, max(2, room // 14)):
        column = min(room - 1, int(span.fraction(tick) * room))
        text = unit_of.write(tick)
        begin = _NAME + column - len(text) // 2
        if column >= 0 and begin >= free and begin + len(text) <= len(names):
            rule[column] = "┴"
            names[begin : begin + len(text)] = text
            free = begin + len(text) + 1
    title = f"{of.title}, {unit_of.name}" if unit_of.name else of.title
    better = {"lower": "  ← better", "higher": "  better →", None: ""}[of.better]
    return [
        line(" " * _NAME, Span("".join(rule), "muted")),
        line(Span("".join(names).rstrip(), "muted")),
        line(" " * _NAME, Span(title, "heading"), Span(better, "muted")),
    ]


def _legend(known: Sequence[ExperimentPoint], best: int | None) -> list[Line]:
    used = {verdict_name(experiment, best) for experiment in known}
    spans = [
        part
        for name, key in VERDICTS.items()
        if name in used
        for part in (Span(f"   {key.glyph}", key.style), Span(f" {key.text}"))
    ]
    said = "   a dot is an experiment; the other parameters vary along"
    return [line(*spans), line(Span(said, "muted"))]
