"""When requests arrive in open loop: constant, Poisson or gamma, with a ramp. Pure.

Arrivals are times on an absolute schedule, so that a late send delays no other. Gaps are drawn in
blocks, and each block is stretched to last exactly its requests' share of time: within a block
arrivals are as random as they should be (for Poisson: given their number, they are uniform in
time), and over a run the rate is the one that was asked.
"""

import math
from collections.abc import Iterator

import numpy as np

from core.load.histogram import Floats
from core.task import Arrivals

BLOCK = 128
"""Requests in a block."""


def schedule(arrivals: Arrivals, rate: float, rng: np.random.Generator) -> Iterator[float]:
    """Yield when each request is due, in seconds from the start, without end.

    Args:
        rate: requests per second, once the ramp is over.
    """
    passed = 0.0
    while True:
        gaps = _unit_gaps(arrivals, rng)
        for moment in passed + np.cumsum(gaps * (BLOCK / gaps.sum())):
            yield _in_time(float(moment) / rate, arrivals.ramp)
        passed += BLOCK


def _unit_gaps(arrivals: Arrivals, rng: np.random.Generator) -> Floats:
    match arrivals.process:
        case "constant":
            return np.ones(BLOCK)
        case "poisson":
            return rng.exponential(size=BLOCK)
        case "gamma":
            return rng.gamma(arrivals.burstiness, size=BLOCK)


def _in_time(full: float, ramp: float) -> float:
    """Return when as much has arrived under a ramp as would have by `full` at the full rate.

    The rate grows in proportion to time until `ramp`, so half as much arrives meanwhile (the time
    change of an inhomogeneous Poisson process).
    """
    if ramp > 0 and full < ramp / 2:
        return math.sqrt(2 * ramp * full)
    return full + ramp / 2
