"""How figures are written for people: three digits that matter, and the unit that suits them.

Everything else in the program is in seconds, tokens per second and shares of one.
"""

import math
import re

from core.events import Gain
from core.report.characters import NOTHING
from core.task import Objective
from core.verdict import objective_metric

_FAMILIES = {"ttft": "TTFT", "tpot": "TPOT", "itl": "ITL", "e2e_latency": "E2E"}
_TITLES = {
    "request_throughput": "requests/s",
    "output_throughput": "output tok/s",
    "output_throughput_per_gpu": "output tok/s/GPU",
    "total_throughput": "total tok/s",
    "total_throughput_per_gpu": "total tok/s/GPU",
    "goodput": "goodput",
    "goodput_under_slo_per_gpu": "goodput/GPU",
    "load_under_slo_per_gpu": "largest load/GPU",
    "error_rate": "errors",
    "attainment": "requests within the SLOs",
    "energy_per_token": "energy",
    "throughput_per_watt": "throughput per watt",
    "cost_per_million_tokens": "cost of a million tokens",
}
_UNITS = {
    "energy_per_token": "J/token",
    "throughput_per_watt": "tok/s/W",
    "cost_per_million_tokens": "",
}


def number(value: float) -> str:
    """Write a figure with at least three significant digits: 0.0123, 12.3, 12,346."""
    rounded = float(f"{value:.3g}")
    if rounded == 0 or abs(rounded) >= 100:
        return f"{value:,.0f}"
    return f"{rounded:.{2 - math.floor(math.log10(abs(rounded)))}f}"


def latency(seconds: float) -> str:
    """Write a latency: 850 µs, 92.3 ms, 1.61 s."""
    if seconds < 0.0009995:
        return f"{number(seconds * 1e6)} µs"
    if seconds < 0.9995:
        return f"{number(seconds * 1e3)} ms"
    return f"{number(seconds)} s"


def duration(seconds: float) -> str:
    """Write how long something took or will take: 4.2 s, 42 s, 3 min 05 s, 2 h 10 min, 3 d 4 h."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(seconds / 60)
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def clock(seconds: float) -> str:
    """Write how long something took, as narrow as can be: 0:42, 3:05, 2:10:00."""
    minutes, rest = divmod(round(seconds), 60)
    return (
        f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
    )


def percentage(share: float, *, signed: bool = False) -> str:
    """Write a share of one: 0.253 is 25.3 %."""
    percent = share * 100
    digits = 1 if abs(percent) < 99.95 else 0
    return f"{percent:+,.{digits}f} %" if signed else f"{percent:,.{digits}f} %"


def gain_in_words(gain: Gain) -> str:
    """Write a gain with its interval: +12.0 % [+9.1 … +14.8]."""
    low, high = (percentage(end, signed=True).removesuffix(" %") for end in (gain.low, gain.high))
    return f"{percentage(gain.share, signed=True)} [{low} … {high}]"


def metric(name: str, value: float | None) -> str:
    """Write a figure of `core.events.SubRound.metric`, with its unit."""
    if value is None:
        return NOTHING
    if name == "error_rate":
        return percentage(value)
    if name in {"request_throughput", "goodput"}:
        return f"{number(value)} req/s"
    if name == "load_under_slo_per_gpu":
        return f"{number(value)} /GPU"
    if name == "goodput_under_slo_per_gpu":
        return f"{number(value)} req/s/GPU"
    if name == "attainment":
        return percentage(value)
    if name in _UNITS:
        return f"{number(value)} {_UNITS[name]}".strip()
    if name.endswith("_per_gpu"):
        return f"{number(value)} tok/s/GPU"
    if name.endswith("_throughput"):
        return f"{number(value)} tok/s"
    return latency(value)


def metric_title(name: str) -> str:
    """Write the name of a metric as a column has it: `e2e_latency_p90` is E2E P90."""
    family, _, statistic = name.rpartition("_")
    if family in _FAMILIES:
        return f"{_FAMILIES[family]} {statistic if statistic == 'mean' else statistic.upper()}"
    return _TITLES.get(name, name)


def with_titles(text: str) -> str:
    """Return text with every metric in it called as a column calls it."""
    return _SPELLED.sub(lambda name: metric_title(name[0]), text)


_SPELLED = re.compile(r"\b[a-z0-9]+(?:_[a-z0-9]+)+(?:\.\d+)?\b")


def objective(name: Objective, value: float | None) -> str:
    """Write the value of an objective, with its unit."""
    return metric(objective_metric(name), value)


def score(value: float | None) -> str:
    """Write a score; four decimals where they carry anything, as older result files have them."""
    if value is None:
        return NOTHING
    return (
        f"{value:.4f}"
        if abs(value) < 100
        else f"{value:.2f}"
        if abs(value) < 1e6
        else f"{value:.3g}"
    )
