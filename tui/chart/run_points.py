"""Every experiment of a run as figures, read once and kept: what charts are made of.

A run of ten thousand experiments has thirty thousand load levels with forty figures each, so they
are kept as packed numbers, and only what is new is read again.
"""

import math
import sys
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from core.events import Experiment, Outcome, Phase, SubRound
from core.report.quantities import LATENCIES, MEASURED, PARAMETER
from core.store import Viewer
from core.task import Configuration
from tui.follower import Partial

_PAGE = 200
"""Experiments read at a time."""

_PLACES = {name: place for place, name in enumerate(MEASURED)}


@dataclass(frozen=True, slots=True)
class LevelPoint:
    """One load level of an experiment."""

    index: int
    name: str
    """`D(512,64) × 32`."""
    concurrency: int | None
    figures: "array[float]"
    """Each of `MEASURED`; NaN where it was not measured."""

    def figure(self, name: str) -> float | None:
        """Return a metric, or None where it was not measured."""
        if name == "concurrency":
            return None if self.concurrency is None else float(self.concurrency)
        place = _PLACES.get(name)
        value = math.nan if place is None else self.figures[place]
        return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class ExperimentPoint:
    """One experiment."""

    number: int
    configuration: Configuration
    outcome: Outcome | None
    baseline: bool
    feasible: bool | None
    """None: it was not judged."""
    value: float | None
    """The objective."""
    score: float | None
    duration: float | None
    levels: tuple[LevelPoint, ...]

    def figure(self, name: str) -> float | None:
        """Return a quantity of the whole experiment.

        A latency is that of the worst load level, as SLOs judge it; any other metric is the plain
        mean over load levels, as the objective has it.
        """
        match name:
            case "experiment":
                return float(self.number)
            case "score":
                return self.score
            case "duration":
                return self.duration
        if name.startswith(PARAMETER):
            return number_of(self.configuration, name.removeprefix(PARAMETER))
        if len(self.levels) == 1:  # most often, and ten thousand times for one chart
            return self.levels[0].figure(name)
        found = [level.figure(name) for level in self.levels]
        known = [figure for figure in found if figure is not None]
        if not known or len(known) < len(found):
            return None
        return max(known) if name in LATENCIES else fmean(known)


def number_of(configuration: Mapping[str, object], flag: str) -> float | None:
    """Return the value of a flag as a number, or None where it is none."""
    value = configuration.get(flag)
    return float(value) if isinstance(value, int | float) else None


def point(experiment: Experiment) -> ExperimentPoint:
    """Return the figures of an experiment."""
    verdict = experiment.verdict
    end = experiment.ended_at
    return ExperimentPoint(
        number=experiment.number,
        configuration=experiment.configuration,
        outcome=experiment.outcome,
        baseline=experiment.origin == "baseline",
        feasible=None if verdict is None else verdict.feasible,
        value=None if verdict is None else verdict.value,
        score=None if verdict is None else verdict.score,
        duration=None if end is None else end - experiment.began_at,
        levels=tuple(map(_level, experiment.sub_rounds)),
    )


def _level(sub_round: SubRound) -> LevelPoint:
    found = [sub_round.metric(name) for name in MEASURED]
    return LevelPoint(
        index=sub_round.index,
        name=sys.intern(str(sub_round.level)),
        concurrency=sub_round.level.concurrency,
        figures=array("d", [math.nan if value is None else value for value in found]),
    )


class RunPoints:
    """A reading of every experiment of one task. Call it with a viewer, again and again."""

    def __init__(self, task_id: int, *, sub_rounds: bool = True) -> None:
        """Say which task.

        Args:
            sub_rounds: False leaves the load levels out, which is what takes the time.
        """
        self.task_id = task_id
        self.sub_rounds = sub_rounds
        self._settled: list[ExperimentPoint] = []
        """The experiments, by number, up to the first that is not over."""
        self._told: tuple[ExperimentPoint, ...] = ()
        """The partial answer that was given last."""

    async def __call__(self, viewer: Viewer) -> "tuple[ExperimentPoint, ...] | Partial":
        """Return every experiment read so far; a partial answer while there are more."""
        offset = len(self._settled)
        page = await viewer.experiments(
            self.task_id, offset=offset, limit=_PAGE, sub_rounds=self.sub_rounds
        )
        under_way: list[ExperimentPoint] = []
        for experiment in page.rows:
            if experiment.phase is Phase.DONE and not under_way:
                self._settled.append(point(experiment))
            else:
                under_way.append(point(experiment))
        every = (*self._settled, *under_way)
        if offset + len(page.rows) >= page.total:
            return every
        if len(every) >= 2 * len(self._told):  # to draw them all after every page takes its time
            self._told = every
        return Partial(self._told)
