"""A histogram of times with bounded relative error, in the manner of HdrHistogram. Pure.

Bins are 1/128 of a doubling wide, so that a bin's middle is within 0.4 % of every time in it. That
is what is kept of the gaps between tokens: there are too many of them to keep each.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Integers: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

STEPS = 128
"""Bins in each doubling."""


def bins(nanoseconds: Integers) -> Integers:
    """Return the bin of each length of time; whatever is below 1 ns goes to the bin of 1 ns."""
    mantissa, exponent = np.frexp(np.maximum(nanoseconds, 1).astype(np.float64))
    return exponent.astype(np.int64) * STEPS + ((mantissa * 2 - 1) * STEPS).astype(np.int64)


def middles(indices: Integers) -> Floats:
    """Return the middle of each bin, in nanoseconds; 0 for that of 1 ns, which no clock tells from
    nothing: what is read together is no time apart."""
    exponent, step = np.divmod(indices, STEPS)
    return np.where(indices > STEPS, np.ldexp((1 + (step + 0.5) / STEPS) / 2, exponent), 0.0)
