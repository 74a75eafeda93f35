"""When requests arrive in open loop: constant, Poisson or gamma, with a ramp. Pure.

Arrivals are times on an absolute schedule, so that a late send delays no other.

How many arrivals of a Poisson process a window holds varies by the square root of their number:
with 600, the rate is off by over 2.7 % half of the time. A level that is compared with others has
to get the rate that was asked. So the process is drawn given its count: the gaps between as many
arrivals as a window holds are exponential, and stretched together to last as long as they should.
That is no approximation: given how many arrivals there are, those of any Poisson process are spread
independently and uniformly, whatever its rate (Cox & Lewis, "The Statistical Analysis of Series of
Events", 1966, 2.1; Ross, "Introduction to Probability Models", 5.3). Gamma gaps are stretched, too.

Where a window opens is not known beforehand. So the gaps come again in the same order: any so many
in a row are all of them, and last exactly as long. A level that ends early, because enough is known
by then, gets a part of them, whose rate varies.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from core.load.histogram import Floats
from core.task import Arrivals

LONGEST_ROUND = 100_000
"""Most gaps until they come again. Over a longer window the rate is exact but for its last part."""


def schedule(
    arrivals: Arrivals, rate: float, count: int, rng: np.random.Generator
) -> Iterator[float]:
    """Yield when each request is due, in seconds from the start, without end.

    Args:
        rate: requests per second, once the ramp is over.
        count: requests in a row that arrive at exactly this rate.
    """
    count = min(count, LONGEST_ROUND)
    gaps = _unit_gaps(arrivals, count, rng)
    moments = np.cumsum(gaps * (count / gaps.sum()))
    for passed in itertools.count(0, count):
        for moment in passed + moments:
            yield _in_time(float(moment) / rate, arrivals.ramp)


def _unit_gaps(arrivals: Arrivals, count: int, rng: np.random.Generator) -> Floats:
    match arrivals.process:
        case "constant":
            return np.ones(count)
        case "poisson":
            return rng.exponential(size=count)
        case "gamma":
            return rng.gamma(arrivals.burstiness, size=count)


def _in_time(full: float, ramp: float) -> float:
    """Return when as much has arrived under a ramp as would have by `full` at the full rate.

    The rate grows in proportion to time until `ramp`, so half as much arrives meanwhile (the time
    change of an inhomogeneous Poisson process).
    """
    if ramp > 0 and full < ramp / 2:
        return math.sqrt(2 * ramp * full)
    return full + ramp / 2
