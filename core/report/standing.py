"""How one configuration stands: its SLO margins, the load it holds, what it costs.

Where it was launched anew, all of it comes from those fresh launches, the worst of them first: the
measurement that made it look best in the search is the luckiest one it has.
"""

import math
from collections.abc import Sequence
from statistics import fmean

from pydantic import Field

from core.events import Experiment, Phase, SloVerdict, SubRound
from core.task import Configuration, Frozen, Level, Task
from core.verdict import objective_metric, objective_value
from core.verdict.repeats import geometric_mean


class Margin(Frozen):
    """What is left of one SLO at the level that kept it worst."""

    metric: str
    """What the SLO bounds: `ttft_p90`, …"""
    threshold: float
    """In seconds."""
    actual: float | None
    """In seconds; None: no level could measure it."""
    left: float | None
    """1 − actual / threshold: 0.2 is a fifth to spare, below 0 it is broken."""
    hard: bool
    """Whether breaking it makes the configuration infeasible."""
    broken: bool
    """Whether it is hard and violated beyond its fail ratio, or could not be measured."""
    level: Level | None
    """Where it was worst."""


class HeldLoad(Frozen):
    """The highest load of one scenario at which every SLO holds."""

    level: Level
    """Where all hold."""
    output_throughput: float
    """Generated tokens per second at that level."""
    total_throughput: float
    """Prompt and generated tokens per second at that level."""
    breaks_at: Level | None = None
    """The next level that was measured, which breaks one; None: no higher one was measured."""


class Costs(Frozen):
    """What serving takes. None: it was not measured."""

    gpus: int
    """GPUs that one server occupies; 0 where the machine has none."""
    peak_memory_bytes: int | None = None
    """Most memory in use on any one GPU."""
    host_memory_bytes: int | None = None
    """Most memory of the machine itself that the server's processes were seen with."""
    start_seconds: float | None = None
    """From launch until it was ready."""
    power_watts: float | None = None
    """Mean over the measured levels, of all its GPUs."""
    joules_per_token: float | None = None
    """For each output token, over all levels."""
    throughput_per_watt: float | None = None
    """Prompt and output tokens per second and watt, over all levels."""
    price_per_million: float | None = None
    """Of a million prompt and output tokens, over all levels, in the user's currency."""


class Standing(Frozen):
    """One configuration, looked at as a candidate to deploy."""

    experiment: int
    """The experiment that the search made of it."""
    configuration: Configuration
    """Its flags."""
    runs: tuple[int, ...]
    """The experiments that the figures come from: fresh launches, where there are any."""
    value: float | None
    """The objective in its own unit; the geometric mean over the runs."""
    also: dict[str, float] = Field(default_factory=dict)
    """The objectives after the first by their metrics, likewise."""
    margins: tuple[Margin, ...]
    """What is left of each SLO."""
    loads: tuple[HeldLoad, ...]
    """One for each scenario that has a level at which every SLO holds."""
    costs: Costs
    """What serving it takes."""


def standing(experiment: Experiment, task: Task, fresh: Sequence[Experiment] = ()) -> Standing:
    """Return how an experiment's configuration stands.

    Args:
        fresh: further experiments that measured the same configuration anew.
    """
    runs = [run for run in fresh if run.measured] or [experiment]
    values = [run.verdict.value for run in runs if run.verdict is not None and run.verdict.value]
    also = {
        objective_metric(objective): [
            value for run in runs if (value := objective_value(run.sub_rounds, objective))
        ]
        for objective in task.optimization.also
    }
    return Standing(
        experiment=experiment.number,
        configuration=experiment.configuration,
        runs=tuple(run.number for run in runs),
        value=geometric_mean(values) if values else None,
        also={metric: geometric_mean(known) for metric, known in also.items() if known},
        margins=_margins(runs),
        loads=_loads(runs, task),
        costs=costs_of(runs),
    )


def _margins(runs: Sequence[Experiment]) -> tuple[Margin, ...]:
    worst: dict[str, Margin] = {}
    for run in runs:
        levels = {sub_round.index: sub_round.level for sub_round in run.sub_rounds}
        for slo in run.verdict.slos if run.verdict else ():
            margin = margin_of(slo, None if slo.sub_round is None else levels.get(slo.sub_round))
            known = worst.get(slo.metric)
            if known is None or _spare(margin) < _spare(known):
                worst[slo.metric] = margin
    return tuple(worst.values())


def margin_of(slo: SloVerdict, level: Level | None) -> Margin:
    """Return what is left of an SLO that was worst at `level`."""
    return Margin(
        metric=slo.metric,
        threshold=slo.threshold,
        actual=slo.actual,
        left=None if slo.actual is None else 1.0 - slo.actual / slo.threshold,
        hard=slo.hard,
        broken=slo.broken,
        level=level,
    )


def _spare(margin: Margin) -> float:
    return -math.inf if margin.left is None else margin.left


def holds_all(sub_round: SubRound, task: Task) -> bool:
    """Return whether every SLO of the task holds at this level."""
    return all(
        (figure := sub_round.metric(metric)) is not None and figure <= target.threshold
        for metric, target in task.slo.targets().items()
    )


def _loads(runs: Sequence[Experiment], task: Task) -> tuple[HeldLoad, ...]:
    by_level: dict[str, list[SubRound]] = {}
    for sub_round in (s for run in runs for s in run.sub_rounds):
        by_level.setdefault(str(sub_round.level), []).append(sub_round)
    rising = sorted(by_level.values(), key=lambda group: _intensity(group[0]))
    found = []
    for scenario in dict.fromkeys(str(group[0].level.scenario) for group in rising):
        held: list[SubRound] = []
        breaks_at = None
        for group in rising:
            if str(group[0].level.scenario) != scenario:
                continue
            if not all(holds_all(sub_round, task) for sub_round in group):
                breaks_at = group[0].level
                break
            held = group
        if held:
            found.append(
                HeldLoad(
                    level=held[0].level,
                    output_throughput=fmean(s.output_throughput for s in held),
                    total_throughput=fmean(s.total_throughput for s in held),
                    breaks_at=breaks_at,
                )
            )
    return tuple(found)


def _intensity(sub_round: SubRound) -> float:
    return float(sub_round.level.concurrency or sub_round.level.request_rate or 0)


def costs_of(runs: Sequence[Experiment]) -> Costs:
    """Return what serving one configuration took, over all launches of it."""
    sub_rounds = [s for run in runs for s in run.sub_rounds]
    starts = [run.spent[Phase.STARTING] for run in runs if Phase.STARTING in run.spent]
    peaks = [
        use.peak_memory for s in sub_rounds for use in s.gpu_use if use.peak_memory is not None
    ]
    powered = [s for s in sub_rounds if s.power is not None]
    joules = sum((s.power or 0.0) * s.duration for s in powered)
    seconds = sum(s.duration for s in powered)
    tokens = sum(s.output_throughput * s.duration for s in powered)
    served = sum(s.total_throughput * s.duration for s in powered)
    priced = [s for s in sub_rounds if s.gpu_hour_price is not None]
    money = sum((s.gpu_hour_price or 0.0) * s.gpus * s.duration / 3600 for s in priced)
    all_tokens = sum(s.total_throughput * s.duration for s in priced)
    return Costs(
        gpus=len(runs[0].gpus) or (sub_rounds[0].gpus if sub_rounds else 1),
        peak_memory_bytes=max(peaks, default=None),
        host_memory_bytes=max((r.peak_memory for r in runs if r.peak_memory), default=None),
        start_seconds=fmean(starts) if starts else None,
        power_watts=joules / seconds if seconds else None,
        joules_per_token=joules / tokens if tokens else None,
        throughput_per_watt=served / joules if joules else None,
        price_per_million=money / all_tokens * 1e6 if all_tokens else None,
    )
