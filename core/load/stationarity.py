"""Is a load steady? A stated test for the drift of a series of rates. Pure.

Requests of one length make throughput swing with their own period, however steady it is. So the
last period is held against the first, and the noise is that of the differences a whole period apart
(for a batch of independent noise σ², such a difference has 2σ², and the means of two periods of s
batches differ by 2σ²/s).

The series is steady when its drift is shown to be small, not merely when it was not shown to be
large: the whole 90 % interval has to lie within ±10 % of the mean rate (two one-sided tests at 5 %;
Schuirmann 1987). A series too short or too noisy to tell is not steady yet.
"""

import math
from dataclasses import dataclass

import scipy  # its parts are imported at first use

from core.load.histogram import Floats

TOLERANCE = 0.10
"""Drift over the series that still counts as steady, as a share of the mean rate."""
DIFFERENCES = 4
"""Fewest differences between periods that are judged by."""


@dataclass(frozen=True)
class Drift:
    """How much a series of rates changed from its first period to its last."""

    change: float
    """As a share of the mean rate."""
    margin: float
    """Half the 90 % interval of `change`."""

    @property
    def steady(self) -> bool:
        """Whether the change is certainly small."""
        return abs(self.change) + self.margin <= TOLERANCE

    @property
    def evident(self) -> bool:
        """Whether the change is certainly there."""
        return abs(self.change) > self.margin


def drift(rates: Floats, period: int) -> Drift | None:
    """Return the drift of a series; None when there is too little of it, or nothing happened.

    Args:
        rates: the rate in each batch of time, in order.
        period: batches after which the rate may repeat itself.
    """
    count = len(rates) - period
    if count < max(DIFFERENCES, period) or not rates.any():
        return None
    mean = float(rates.mean())
    differences = rates[period:] - rates[:-period]
    error = math.sqrt(float(differences.var(ddof=1)) / period)
    return Drift(
        change=float(rates[-period:].mean() - rates[:period].mean()) / mean,
        margin=float(scipy.special.stdtrit(count - 1, 0.95)) * error / mean,
    )


def steady_span(rates: Floats, period: int) -> int | None:
    """Return how many of the latest rates form the longest steady series; None when none do."""
    for length in range(len(rates), 2 * period - 1, -1):
        found = drift(rates[len(rates) - length :], period)
        if found is not None and found.steady:
            return length
    return None
