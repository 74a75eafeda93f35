"""What an axis can show: every metric, and what else tells experiments apart. Pure."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from core.report import figures
from core.task import STATISTICS

Kind: TypeAlias = Literal["latency", "rate", "share", "number", "count", "seconds"]
Better: TypeAlias = Literal["lower", "higher"] | None

LATENCIES = tuple(
    f"{family}_{statistic}"
    for family in ("ttft", "tpot", "itl", "e2e_latency")
    for statistic in STATISTICS
)
RATES = (
    "total_throughput_per_gpu",
    "output_throughput_per_gpu",
    "total_throughput",
    "output_throughput",
    "request_throughput",
    "goodput",
)
OTHERS = (
    "attainment",
    "error_rate",
    "energy_per_token",
    "throughput_per_watt",
    "cost_per_million_tokens",
)

MEASURED = (*LATENCIES, *RATES, *OTHERS)
"""The metrics of a load level, by the names that `core.events.SubRound.metric` has for them."""

PARAMETER = "parameter:"
"""What stands before the name of a flag that is used as an axis or a colour."""

_TITLES = {
    "experiment": "experiment",
    "concurrency": "concurrency",
    "score": "score",
    "duration": "time of the experiment",
    "attainment": "requests within the SLOs",
    "energy_per_token": "energy, J/token",
    "throughput_per_watt": "tok/s/W",
    "cost_per_million_tokens": "cost of a million tokens",
}


@dataclass(frozen=True)
class Quantity:
    """Something that an axis can show."""

    name: str
    title: str
    kind: Kind
    better: Better


def quantity(name: str) -> Quantity:
    """Return what is known of a quantity by its name."""
    if name.startswith(PARAMETER):
        return Quantity(name, name.removeprefix(PARAMETER), "number", None)
    title = _TITLES.get(name) or figures.metric_title(name)
    if name in LATENCIES:
        return Quantity(name, title, "latency", "lower")
    if name in RATES:
        return Quantity(name, title, "rate", "higher")
    if name in {"attainment", "error_rate"}:
        return Quantity(name, title, "share", "higher" if name == "attainment" else "lower")
    if name == "throughput_per_watt":
        return Quantity(name, title, "number", "higher")
    if name == "duration":
        return Quantity(name, title, "seconds", None)
    if name in {"experiment", "concurrency"}:
        return Quantity(name, title, "count", None)
    lower = name in {"score", "energy_per_token", "cost_per_million_tokens"}
    return Quantity(name, title, "number", "lower" if lower else None)
