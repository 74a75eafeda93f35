"""How one experiment stands: its SLO margins, the load it holds, what it costs, its gain."""

from collections.abc import Sequence

from core.events import Experiment, Phase, SubRound
from core.task import Configuration, Frozen, Level, Task


class Gain(Frozen):
    """How much better the objective is than the defaults', and what that rests on."""

    share: float
    """0.25 is a quarter more throughput, or a quarter less latency."""
    low: float | None = None
    high: float | None = None
    """Both ends of its interval; None where nothing was measured twice."""
    probability: float | None = None
    """The confidence that it is above nothing at all, corrected for the choice of the best."""
    repeats: int = 1
    """Fresh launches behind the winner's figure; 1: the search's own."""
    control: int = 1
    """The same of the defaults."""
    noise: float | None = None
    """Standard deviation of one measurement, as a share."""

    @property
    def confirmed(self) -> bool:
        """Whether fresh launches of both sides prove a gain."""
        return self.low is not None and self.low > 0


class Margin(Frozen):
    """What is left of one SLO at the level that kept it worst."""

    metric: str
    threshold: float
    """In seconds."""
    actual: float | None
    """In seconds; None: no level could measure it."""
    left: float | None
    """1 − actual / threshold: 0.2 is a fifth to spare, below 0 it is broken."""
    hard: bool
    broken: bool
    level: Level | None
    """Where it was worst."""


class HeldLoad(Frozen):
    """The highest load of one scenario at which every SLO holds."""

    level: Level
    """Where all hold."""
    output_throughput: float
    total_throughput: float
    """Tokens per second at that level."""
    breaks_at: Level | None = None
    """The next level that was measured, which breaks one; None: no higher one was measured."""


class Costs(Frozen):
    """What serving takes. None: it was not measured."""

    gpus: int
    peak_memory_bytes: int | None = None
    """Most memory in use on any one GPU."""
    start_seconds: float | None = None
    """From launch until it was ready."""
    power_watts: float | None = None
    """Mean over the measured levels, of all its GPUs."""
    joules_per_token: float | None = None
    """For each output token, over all levels."""
    price_per_million: float | None = None
    """Of a million prompt and output tokens, over all levels, in the user's currency."""


class Standing(Frozen):
    """One experiment, looked at as a candidate to deploy."""

    experiment: int
    configuration: Configuration
    value: float | None
    """The objective in its own unit."""
    margins: tuple[Margin, ...]
    loads: tuple[HeldLoad, ...]
    """One for each scenario that has a level at which every SLO holds."""
    costs: Costs


def standing(experiment: Experiment, task: Task) -> Standing:
    """Return how an experiment stands."""
    return Standing(
        experiment=experiment.number,
        configuration=experiment.configuration,
        value=experiment.verdict.value if experiment.verdict else None,
        margins=_margins(experiment),
        loads=_loads(experiment.sub_rounds, task),
        costs=_costs(experiment),
    )


def _margins(experiment: Experiment) -> tuple[Margin, ...]:
    levels = {sub_round.index: sub_round.level for sub_round in experiment.sub_rounds}
    return tuple(
        Margin(
            metric=slo.metric,
            threshold=slo.threshold,
            actual=slo.actual,
            left=None if slo.actual is None else 1.0 - slo.actual / slo.threshold,
            hard=slo.hard,
            broken=slo.broken,
            level=None if slo.sub_round is None else levels.get(slo.sub_round),
        )
        for slo in (experiment.verdict.slos if experiment.verdict else ())
    )


def holds_all(sub_round: SubRound, task: Task) -> bool:
    """Return whether every SLO of the task holds at this level."""
    return all(
        (figure := sub_round.metric(metric)) is not None and figure <= target.threshold
        for metric, target in task.slo.targets().items()
    )


def _loads(sub_rounds: Sequence[SubRound], task: Task) -> tuple[HeldLoad, ...]:
    scenarios = dict.fromkeys(str(sub_round.level.scenario) for sub_round in sub_rounds)
    found = []
    for scenario in scenarios:
        rising = sorted(
            (s for s in sub_rounds if str(s.level.scenario) == scenario), key=_intensity
        )
        held = None
        breaks_at = None
        for sub_round in rising:
            if not holds_all(sub_round, task):
                breaks_at = sub_round.level
                break
            held = sub_round
        if held is not None:
            found.append(
                HeldLoad(
                    level=held.level,
                    output_throughput=held.output_throughput,
                    total_throughput=held.total_throughput,
                    breaks_at=breaks_at,
                )
            )
    return tuple(found)


def _intensity(sub_round: SubRound) -> float:
    return float(sub_round.level.concurrency or sub_round.level.request_rate or 0)


def _costs(experiment: Experiment) -> Costs:
    sub_rounds = experiment.sub_rounds
    peaks = [
        use.peak_memory for s in sub_rounds for use in s.gpu_use if use.peak_memory is not None
    ]
    powered = [s for s in sub_rounds if s.power is not None]
    joules = sum((s.power or 0.0) * s.duration for s in powered)
    seconds = sum(s.duration for s in powered)
    tokens = sum(s.output_throughput * s.duration for s in powered)
    priced = [s for s in sub_rounds if s.gpu_hour_price is not None]
    money = sum((s.gpu_hour_price or 0.0) * s.gpus * s.duration / 3600 for s in priced)
    all_tokens = sum(s.total_throughput * s.duration for s in priced)
    return Costs(
        gpus=len(experiment.gpus) or (sub_rounds[0].gpus if sub_rounds else 1),
        peak_memory_bytes=max(peaks, default=None),
        start_seconds=experiment.spent.get(Phase.STARTING),
        power_watts=joules / seconds if seconds else None,
        joules_per_token=joules / tokens if tokens else None,
        price_per_million=money / all_tokens * 1e6 if all_tokens else None,
    )
