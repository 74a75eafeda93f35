"""How an experiment looks on a chart: its mark, and the words of its tip."""

from dataclasses import dataclass

from core.events import Experiment, Outcome
from core.report import figures
from core.report.conclusion import Conclusion, outcome_in_words


@dataclass(frozen=True)
class Mark:
    """A shape, a class, what it stands for."""

    shape: str
    kind: str
    words: str


BEST = Mark("star", "best", "recommended")
BASELINE = Mark("diamond", "baseline", "engine defaults")
HOLDS = Mark("circle", "ok", "holds the SLOs")
SOFT = Mark("ring", "soft", "breaks a soft SLO")
BROKEN = Mark("cross", "broken", "breaks a hard SLO")
OTHER = Mark("ring", "unsure", "not wholly measured")


def mark_of(experiment: Experiment, conclusion: Conclusion) -> Mark:
    """Return the mark of an experiment, the rarest that fits."""
    recommended, baseline = conclusion.recommended, conclusion.baseline
    if recommended is not None and experiment.configuration == recommended.configuration:
        return BEST
    if baseline is not None and experiment.configuration == baseline.configuration:
        return BASELINE
    if experiment.outcome is Outcome.INFEASIBLE:
        return BROKEN
    if experiment.outcome is not Outcome.OK:
        return OTHER
    return SOFT if experiment.verdict and experiment.verdict.violation > 0 else HOLDS


def comparable(conclusion: Conclusion) -> list[Experiment]:
    """Return the experiments that were measured at the task's own load levels."""
    return [e for e in conclusion.experiments if e.origin != "soak"]


def legend_of(marks: set[Mark]) -> list[tuple[str, str, str]]:
    """Return the entries of a legend for the marks that are drawn."""
    order = [BEST, BASELINE, HOLDS, SOFT, BROKEN, OTHER]
    return [(mark.shape, mark.kind, mark.words) for mark in order if mark in marks]


def tip(experiment: Experiment, *facts: tuple[str, float | None]) -> str:
    """Return what the pointer tells: who it is, its figures, its flags.

    Args:
        facts: names of metrics with their figures.
    """
    lines = [f"experiment {experiment.number}: {outcome_in_words(experiment)}"]
    lines += [f"{figures.metric_title(name)}: {figures.metric(name, f)}" for name, f in facts]
    return "\n".join([*lines, str(experiment.configuration)])
