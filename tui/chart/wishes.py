"""What the chart screen can show: its kinds, the usual pairs of axes, what is remembered. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias, get_args

from core.report.quantities import MEASURED, PARAMETER
from core.task import Task
from core.verdict import objective_metric
from tui.chart.run_points import ExperimentPoint
from tui.chart.spec import Wish

Kind: TypeAlias = Literal["scatter", "course", "by value", "parallel"]
KINDS: tuple[Kind, ...] = get_args(Kind)

KIND_TITLES: Mapping[Kind, str] = {
    "scatter": "scatter",
    "course": "course of the run",
    "by value": "by parameter value",
    "parallel": "parallel coordinates",
}


def presets(task: Task) -> tuple[Wish, ...]:
    """Return the usual pairs of axes for a task, those with its SLOs first."""
    rate = "total_throughput_per_gpu"
    bounded = tuple(task.slo.targets())
    usual = ("ttft_mean", "tpot_mean", "e2e_latency_p90")
    several = [objective_metric(objective) for objective in task.optimization.objectives]
    pairs = [
        *(Wish(metric, several[0], pareto=True) for metric in several[1:]),
        *(Wish(metric, rate) for metric in dict.fromkeys((*bounded, *usual))),
        Wish("concurrency", "goodput" if bounded else "output_throughput", of="levels"),
        Wish("concurrency", bounded[0] if bounded else "e2e_latency_p90", of="levels"),
        Wish("experiment", "score"),
    ]
    return tuple(pairs)


def axes_of(points: Sequence[ExperimentPoint]) -> tuple[str, ...]:
    """Return every quantity that the run has figures for, parameters with numbers among them."""
    measured = [
        name
        for name in (*MEASURED, "concurrency")
        if any(level.figure(name) is not None for e in points for level in e.levels[:1])
    ]
    flags = dict.fromkeys(flag for e in points for flag in e.configuration)
    numeric = [f"{PARAMETER}{flag}" for flag in flags if _is_numeric(points, flag)]
    return (*measured, "experiment", "score", "duration", *numeric)


def _is_numeric(points: Iterable[ExperimentPoint], flag: str) -> bool:
    return any(e.figure(f"{PARAMETER}{flag}") is not None for e in points)


def remembered(axes: Mapping[str, str], task: Task) -> Wish:
    """Return the axes that were chosen last, or else the task's first preset."""
    first = presets(task)[0]
    if not axes.get("x") or not axes.get("y"):
        return first
    return Wish(
        x=axes["x"],
        y=axes["y"],
        of="levels" if axes.get("of") == "levels" else "experiments",
        colour=axes.get("colour") or "verdict",
        pareto=axes.get("pareto") == "yes",
        log=axes.get("log") == "yes",
    )


def to_remember(wish: Wish) -> dict[str, str]:
    """Return what `remembered` reads."""
    return {
        "x": wish.x,
        "y": wish.y,
        "of": wish.of,
        "colour": wish.colour,
        "pareto": "yes" if wish.pareto else "",
        "log": "yes" if wish.log else "",
    }


def fitting(wish: Wish, points: Sequence[ExperimentPoint]) -> Wish:
    """Return a wish that this run can fulfil: parameters it has, levels where they are needed."""
    flags = {f"{PARAMETER}{flag}" for e in points for flag in e.configuration}
    if wish.colour.startswith(PARAMETER) and wish.colour not in flags:
        wish = replace(wish, colour="verdict")
    if "concurrency" in (wish.x, wish.y):
        wish = replace(wish, of="levels")
    return wish


def objective_of(task: Task) -> str:
    """Return the metric that the task's objective improves."""
    return objective_metric(task.optimization.objective)
