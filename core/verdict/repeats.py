"""Repeats of one configuration: how many, their mean, their noise, Student's t. Pure.

On the log scale, where noise is a share of the figure. Whoever only shows what was found needs no
more than this of the statistics, and neither NumPy nor SciPy, which weigh more than the findings.
"""

import math
from collections.abc import Sequence
from statistics import fmean

LOOKS = (3, 5, 7)
"""Repeats a side after which is decided whether to go on."""


def mean_log(values: Sequence[float]) -> float:
    """Return the mean of the logarithms of values above 0."""
    return fmean(math.log(value) for value in values)


def geometric_mean(values: Sequence[float]) -> float:
    """Return the figure that a comparison on the log scale speaks of."""
    return math.exp(mean_log(values))


def pooled_noise(groups: Sequence[Sequence[float]]) -> float | None:
    """Return the standard deviation of one measurement on the log scale: about its share.

    None where nothing was measured twice.

    Args:
        groups: repeats of one configuration each, above 0.
    """
    degrees = sum(len(group) - 1 for group in groups if group)
    if degrees < 1:
        return None
    squares = 0.0
    for group in groups:
        middle = mean_log(group) if group else 0.0
        squares += sum((math.log(value) - middle) ** 2 for value in group)
    return math.sqrt(squares / degrees)


def student(degrees: int, probability: float) -> float:
    """Return the quantile of Student's t: what t stays below with this probability."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))
