"""What a search improves: `maximize_throughput` and its like, or a metric with a direction.

objective: maximize_throughput
objective: minimize_e2e_latency_p90                         # any metric of a load level
objective: [maximize_throughput, minimize_e2e_latency_p90]  # two or three: the Pareto front
"""

import difflib
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from core.task.slo import STATISTICS

NAMED: dict[str, str] = {
    "minimize_latency": "e2e_latency_mean",
    "maximize_throughput": "total_throughput_per_gpu",
    "minimize_ttft": "ttft_mean",
    "minimize_tpot": "tpot_mean",
    "maximize_goodput": "goodput_under_slo_per_gpu",
    "maximize_load_under_slo": "load_under_slo_per_gpu",
}
"""Objectives with a name of their own, and the metric that each improves."""

LOAD_OBJECTIVES: frozenset[str] = frozenset({"maximize_goodput", "maximize_load_under_slo"})
"""Objectives for which the load is searched, not given."""

_FALLING = (
    *(f"{f}_{s}" for f in ("e2e_latency", "ttft", "tpot", "itl") for s in STATISTICS),
    "energy_per_token",
    "cost_per_million_tokens",
)
_RISING = (
    "total_throughput_per_gpu",
    "output_throughput_per_gpu",
    "total_throughput",
    "output_throughput",
    "request_throughput",
    "attainment",
    "throughput_per_watt",
)
BY_METRIC: dict[str, str] = {
    **{f"minimize_{metric}": metric for metric in _FALLING},
    **{f"maximize_{metric}": metric for metric in _RISING},
}
"""Objectives that are a metric with its direction, and that metric."""


OBJECTIVES: tuple[str, ...] = (*NAMED, *BY_METRIC)
"""Every objective there is."""


def _known(name: str) -> str:
    if name in OBJECTIVES:
        return name
    metric = name.partition("_")[2]
    for right in (f"{d}_{m}" for d in ("minimize", "maximize") for m in (metric, name)):
        if right in OBJECTIVES:
            raise ValueError(f"'{name}': write {right}")
    near = difflib.get_close_matches(name, OBJECTIVES, n=3, cutoff=0.5)
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    raise ValueError(
        f"'{name}' is not one of {', '.join(NAMED)}, nor minimize_METRIC with one of"
        f" {_families()}, {', '.join(_FALLING[-2:])}, nor maximize_METRIC with one of"
        f" {', '.join(_RISING)}{meant}"
    )


def _families() -> str:
    return f"e2e_latency, ttft, tpot, itl and _{', _'.join(STATISTICS)}"


Objective: TypeAlias = Annotated[str, AfterValidator(_known)]


def maximised(objective: Objective) -> bool:
    """Return whether more is better."""
    return objective.startswith("maximize")


def objective_metric(objective: Objective) -> str:
    """Return the name of the metric that the objective improves."""
    return NAMED.get(objective) or BY_METRIC[objective]
