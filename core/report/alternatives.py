"""What else could be deployed: the best in another respect, and the Pareto front. All feasible."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Literal, TypeAlias

from core.events import Experiment
from core.report.standing import costs_of
from core.task import Configuration, Frozen, Objective, Task, maximised, objective_metric
from core.verdict import objective_value
from core.verdict.front import costs, pareto_front
from core.verdict.repeats import geometric_mean

Respect: TypeAlias = Literal[
    "throughput_per_gpu", "latency", "ttft", "gpus", "energy", "price", "start"
]


class Alternative(Frozen):
    """An experiment that beats the recommended one in one respect."""

    respect: Respect
    """In which respect it is better."""
    metric: str
    """What is compared: a metric's name, or `gpus`, `start_seconds`."""
    experiment: int
    """Its number."""
    configuration: Configuration
    """Its flags."""
    figure: float
    """Of this experiment, in the unit of `metric`."""
    against: float
    """Of the recommended one, in the same unit."""
    objective: float | None
    """Its own objective, in its unit."""


class FrontMember(Frozen):
    """One configuration of the front."""

    experiment: int
    """Its number."""
    figures: tuple[float, ...]
    """By metric: the geometric mean over fresh launches, or what the search measured."""
    launches: int = 0
    """Fresh launches behind the figures; 0: it was measured in the search alone."""


class Front(Frozen):
    """Experiments that none beats in one metric without losing in another."""

    gain: str
    """The first metric: the first objective's; with a single one, throughput per GPU."""
    cost: str
    """The second: the second objective's; with a single one, the latency that matters most."""
    metrics: tuple[str, ...]
    """All of them: two, or three with three objectives."""
    experiments: tuple[int, ...]
    """The best by the first metric first."""
    members: tuple[FrontMember, ...]
    """The same with their figures."""

    @classmethod
    def of(cls, metrics: Sequence[str], members: Sequence[FrontMember]) -> "Front":
        """Return the front of these members."""
        return cls(
            gain=metrics[0],
            cost=metrics[1],
            metrics=tuple(metrics),
            experiments=tuple(member.experiment for member in members),
            members=tuple(members),
        )


def mean_over_levels(experiment: Experiment, metric: str) -> float | None:
    """Return the plain mean of a metric over an experiment's levels; None where one lacks it."""
    figures = [sub_round.metric(metric) for sub_round in experiment.sub_rounds]
    known = [figure for figure in figures if figure is not None]
    return fmean(known) if known and len(known) == len(figures) else None


def worst_over_levels(experiment: Experiment, metric: str) -> float | None:
    """Return the highest figure of a metric over an experiment's levels, as an SLO is judged."""
    known = [f for s in experiment.sub_rounds if (f := s.metric(metric)) is not None]
    return max(known, default=None) if len(known) == len(experiment.sub_rounds) else None


def front_of(
    experiments: Sequence[Experiment],
    task: Task,
    fresh: Callable[[Experiment], Sequence[Experiment]],
) -> Front:
    """Return the front of the objectives; of a single one, of throughput and latency.

    Args:
        experiments: those that could be deployed.
        fresh: returns the launches that measured an experiment's configuration anew.
    """
    objectives = task.optimization.objectives
    if len(objectives) == 1:
        return _usual_front(experiments, task)
    members = []
    for number in _front([(e, [e]) for e in experiments], objectives):
        experiment = next(e for e in experiments if e.number == number)
        anew = [e for e in fresh(experiment) if e.measured]
        members.append((experiment, anew))
    # Figures of the search were picked for being high: those of fresh launches stand by themselves.
    proved = _front([member for member in members if member[1]], objectives)
    shown = []
    for experiment, anew in members:
        figures = _figures(anew or [experiment], objectives)
        if figures is not None and (not anew or experiment.number in proved):
            shown.append(
                FrontMember(experiment=experiment.number, figures=figures, launches=len(anew))
            )
    sign = -1.0 if maximised(objectives[0]) else 1.0
    shown.sort(key=lambda member: sign * member.figures[0])
    return Front.of([*map(objective_metric, objectives)], shown)


def _front(
    runs: Sequence[tuple[Experiment, Sequence[Experiment]]], objectives: Sequence[Objective]
) -> tuple[int, ...]:
    """Return which experiments are on the front by these measurements of them."""
    points = []
    for experiment, measured in runs:
        figures = _figures(measured, objectives)
        ranked = None if figures is None else costs(objectives, figures)
        if ranked is not None:
            points.append((experiment.number, ranked))
    return pareto_front(points)


def _figures(
    runs: Sequence[Experiment], objectives: Sequence[Objective]
) -> tuple[float, ...] | None:
    """Return the geometric means of the objectives; None where one was not measured."""
    means = []
    for objective in objectives:
        values = [objective_value(run.sub_rounds, objective) for run in runs]
        known = [value for value in values if value is not None and value > 0]
        if not known or len(known) < len(runs):
            return None
        means.append(geometric_mean(known))
    return tuple(means)


def _usual_front(experiments: Sequence[Experiment], task: Task) -> Front:
    """Return the front of throughput per GPU against the latency that the user cares for most."""
    cost = latency_metric(task)
    gain = "total_throughput_per_gpu"
    points = {
        e.number: (g, c)
        for e in experiments
        if (c := worst_over_levels(e, cost)) is not None
        and (g := mean_over_levels(e, gain)) is not None
    }
    front = pareto_front([(number, (-g, c)) for number, (g, c) in points.items()])
    members = [FrontMember(experiment=n, figures=points[n]) for n in front]
    return Front.of([gain, cost], members)


def latency_metric(task: Task) -> str:
    """Return the metric of the first SLO, a hard one if there is any; else the P90 E2E latency."""
    targets = task.slo.targets()
    hard = [metric for metric, target in targets.items() if target.hard_fail]
    return next(iter([*hard, *targets]), "e2e_latency_p90")


def alternatives(
    experiments: Sequence[Experiment],
    recommended: Experiment,
    task: Task,
    fresh: Callable[[Experiment], Sequence[Experiment]],
    *,
    noise: float,
) -> tuple[Alternative, ...]:
    """Return the feasible experiments that are best in a respect in which they beat `recommended`.

    Args:
        experiments: those that could be deployed.
        recommended: what they are held against.
        task: what was asked for.
        fresh: returns the launches that measured an experiment's configuration anew. Where there
            are any, their mean counts, as in the verdict: one figure of a search is partly luck.
        noise: share of a figure by which two measurements of the same may differ; a difference
            within it is none.
    """
    found = []
    for respect, metric, sign, read_one in _respects(task):
        least = _LEAST_START if respect == "start" else 0.0

        def read(e: Experiment, read_one: _Read = read_one) -> float | None:
            known = [f for run in fresh(e) or [e] if (f := read_one(run)) is not None]
            return fmean(known) if known else None

        own = read(recommended)
        if own is None:
            continue
        rated = [(sign * f, e.number, e, f) for e in experiments if (f := read(e)) is not None]
        if not rated:
            continue
        _, _, best, figure = min(rated)
        if best.configuration == recommended.configuration:
            continue
        if sign * figure >= sign * own - max(noise * abs(own), least):
            continue
        found.append(
            Alternative(
                respect=respect,
                metric=metric,
                experiment=best.number,
                configuration=best.configuration,
                figure=figure,
                against=own,
                objective=best.verdict.value if best.verdict else None,
            )
        )
    return tuple(found)


_LEAST_START = 5.0
"""Seconds of start-up that are worth a word."""

_Read: TypeAlias = Callable[[Experiment], float | None]


def _respects(task: Task) -> list[tuple[Respect, str, float, _Read]]:
    """Return every respect: its name, its metric, 1 where less is better and −1 where more is."""
    latency = latency_metric(task)

    def mean(metric: str) -> _Read:
        return lambda e: mean_over_levels(e, metric)

    def worst(metric: str) -> _Read:
        return lambda e: worst_over_levels(e, metric)

    per_gpu = "total_throughput_per_gpu"
    respects: list[tuple[Respect, str, float, _Read]] = [
        ("throughput_per_gpu", per_gpu, -1.0, mean(per_gpu)),
        ("latency", latency, 1.0, worst(latency)),
        ("gpus", "gpus", 1.0, lambda e: float(costs_of([e]).gpus)),
        ("energy", "energy_per_token", 1.0, lambda e: costs_of([e]).joules_per_token),
        (
            "price",
            "cost_per_million_tokens",
            1.0,
            lambda e: costs_of([e]).price_per_million,
        ),
        ("start", "start_seconds", 1.0, lambda e: costs_of([e]).start_seconds),
    ]
    if not latency.startswith("ttft"):
        respects.insert(2, ("ttft", "ttft_mean", 1.0, worst("ttft_mean")))
    return respects
