"""A level second by second, from what was seen of it. Pure."""

import numpy as np

from core.events import TimeSeries
from core.load.histogram import Floats, Integers
from core.load.latencies import ttft
from core.load.ledger import SLICE
from core.load.observations import Observations
from core.load.records import completed
from core.load.warmth import under_way

MOST_STEPS = 600


def time_series(seen: Observations, opened: int, tokens_per_chunk: float) -> TimeSeries:
    """Return the course of the whole load, in steps of a second, or longer for a long one."""
    seconds = (seen.now - seen.began) / 1e9
    step = max(1, -(-int(seconds) // MOST_STEPS))
    width = step * 10**9
    count = max(1, (seen.now - seen.began) // width)
    slices = seen.chunks(seen.began, seen.began + count * width)
    per_step = width // SLICE
    chunks = np.resize(slices, count * per_step).reshape(count, per_step).sum(axis=1)
    edges = np.arange(count + 1, dtype=np.float64) * width + seen.began
    good = completed(seen.rows())
    return TimeSeries(
        began=(seen.began - opened) / 1e9,
        step=step,
        output_throughput=tuple(float(rate) for rate in chunks * tokens_per_chunk / step),
        in_flight=tuple(float(number) for number in under_way(seen, edges)),
        ttft=_medians((good["first"] - seen.began) // width, ttft(good), count),
    )


def _medians(steps: Integers, values: Floats, count: int) -> tuple[float | None, ...]:
    medians: list[float | None] = []
    for step in range(count):
        inside = values[steps == step]
        medians.append(float(np.median(inside)) if len(inside) else None)
    return tuple(medians)
