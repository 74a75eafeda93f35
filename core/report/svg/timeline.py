"""When each experiment ran and what it did meanwhile: a row each, on one clock."""

from core.events import Experiment, Outcome, Phase
from core.report import figures
from core.report.conclusion import Conclusion, outcome_in_words
from core.report.scale import Scale, ticks
from core.report.svg.canvas import SIZE, Canvas
from core.report.svg.plot import legend

_BEFORE = (Phase.QUEUED, Phase.LEASING, Phase.STARTING)

_LEGEND = [
    ("circle", "starting", "starting"),
    ("circle", "warming", "warming"),
    ("circle", "measuring", "measuring"),
    ("circle", "stopping", "stopping"),
    ("circle", "failed", "failed"),
]


MOST_ROWS = 300
"""Experiments that it shows; of more, the last: a page of thousands opens in no browser."""


def timeline(conclusion: Conclusion, *, width: float) -> Canvas | None:
    """Return the chart of the last experiments; None before the first."""
    experiments = conclusion.experiments[-MOST_ROWS:]
    if not experiments:
        return None
    start = min(e.began_at for e in experiments)
    end = max(e.ended_at or e.phase_began_at for e in experiments)
    pitch = 18 if len(experiments) <= 16 else 12 if len(experiments) <= 50 else 7
    top = 46.0 if width < 500 else 30.0
    height = top + pitch * len(experiments) + 36
    canvas = Canvas(width, height, "When each experiment ran")
    left, right, bottom = 34.0, width - 16.0, height - 32.0
    scale = Scale(0.0, max(1.0, end - start))

    def at(moment: float) -> float:
        return left + scale.fraction(moment - start) * (right - left)

    cut = len(conclusion.experiments) > MOST_ROWS
    some = f"the last {MOST_ROWS} experiments" if cut else "experiment"
    since = "first of them" if cut else "start"
    canvas.text((4, SIZE + 2), f"{some}, by time since the {since}", "title")
    row = 32.0 if width < 500 else 14.0
    legend(canvas, _LEGEND[: 3 if width < 500 else 5], (right, row))
    for tick in ticks(_in_round_units(scale), max(3, int((right - left) / 110))):
        seconds = tick * _unit(scale)[0]
        column = at(start + seconds)
        canvas.line((column, top), (column, bottom), "grid")
        canvas.text((column, bottom + 16), f"{tick:g} {_unit(scale)[1]}", anchor="middle")
    for number, experiment in enumerate(experiments):
        row = top + pitch * number
        if pitch > 12 or number % 5 == 0:
            canvas.text((left - 8, row + pitch / 2 + 4), str(experiment.number), anchor="end")
        for begin, finish, kind, told in _bars(experiment):
            bar = max(1.0, at(finish) - at(begin))
            canvas.rectangle((at(begin), row + 2), bar, pitch - 3, kind, told, round_=1.5)
    return canvas


def _bars(experiment: Experiment) -> list[tuple[float, float, str, str]]:
    """Return begin, end, class and tip of each bar; later ones lie over earlier ones."""
    who = f"experiment {experiment.number} ({outcome_in_words(experiment)})"
    end = experiment.ended_at or experiment.phase_began_at
    stopping = experiment.spent.get(Phase.STOPPING, 0.0)
    bars = []
    moment = experiment.began_at
    for phase in _BEFORE:
        spent = experiment.spent.get(phase, 0.0)
        kind = "starting" if phase is Phase.STARTING else "queued"
        if spent > 0:
            told = f"{who}: {phase}, {figures.duration(spent)}"
            bars.append((moment, moment + spent, kind, told))
        moment += spent
    if end - stopping > moment:
        bars.append((moment, end - stopping, "warming", f"{who}: warming"))
    bars += [
        (
            s.started_at,
            s.started_at + s.duration,
            "measuring",
            f"{who}: {s.level}, {figures.duration(s.duration)}",
        )
        for s in experiment.sub_rounds
        # Levels kept from an interrupted try were measured before this one began.
        if s.started_at >= experiment.began_at - 1
    ]
    if stopping > 0:
        told = f"{who}: stopping, {figures.duration(stopping)}"
        bars.append((end - stopping, end, "stopping", told))
    if experiment.outcome is Outcome.FAILED:
        bars.append((end - max(stopping, 0.02 * (end - experiment.began_at)), end, "failed", who))
    return bars


def _unit(scale: Scale) -> tuple[float, str]:
    if scale.high < 180:
        return 1.0, "s"
    return (60.0, "min") if scale.high < 3 * 3600 else (3600.0, "h")


def _in_round_units(scale: Scale) -> Scale:
    return Scale(0.0, scale.high / _unit(scale)[0])
