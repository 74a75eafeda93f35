"""Whether a configuration still does what was once measured of it. Pure.

The change is the difference of the mean logarithms, its interval Student's t with the noise of the
new launches and of the old ones pooled. It holds when the interval is above minus the tolerance,
has regressed when it lies below, and is open as long as it straddles that; an SLO that breaks, or
a launch that fails, is a regression whatever the figures.
"""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Literal, TypeAlias

from core.events import Experiment
from core.task import Expectation, Frozen, Objective, maximised
from core.verdict.margin import counts, held, objective_of
from core.verdict.repeats import student

Status: TypeAlias = Literal["holds", "regression", "inconclusive"]

UNKNOWN_NOISE = 0.03
"""Standard deviation that is assumed where nothing was ever measured twice: the worst of the
repetitions on record (3.1 %)."""

FEWEST = 3
"""Launches after which a first verdict on figures is given."""


class Verification(Frozen):
    """What new launches say of an old figure."""

    status: Status
    """`holds`, `regression`, or `inconclusive` while the interval straddles the tolerance."""
    expected: float
    """The old figure, in the objective's unit."""
    measured: float | None
    """Geometric mean of the new launches; None: none could be measured."""
    change: float | None
    """As a share of what is expected; positive is better."""
    low: float | None
    """Lower end of its 95 % interval."""
    high: float | None
    """Its upper end."""
    launches: int
    """Those that say something about the configuration."""
    tolerance: float
    """The share by which it may be worse."""
    broken: tuple[str, ...] = ()
    """What was wrong with launches that failed or broke an SLO, each once."""
    unlike: tuple[str, ...] = ()
    """What was otherwise when the old figure was measured: the GPUs, the engine's version."""


def verify(
    expected: Expectation, launches: Sequence[Experiment], objective: Objective
) -> Verification:
    """Return what the launches say; those that this machine spoiled are left out.

    Args:
        expected: the old figure.
        launches: experiments of the same configuration at the same load levels.
        objective: what is compared.
    """
    telling = [launch for launch in launches if counts(launch)]
    broken = tuple(dict.fromkeys(_fault(launch) for launch in telling if not held(launch)))
    values = [value for launch in telling if (value := objective_of(launch)) is not None]
    change = low = high = None
    if values:
        sign = 1.0 if maximised(objective) else -1.0
        logs = [math.log(value) for value in values]
        difference = sign * (fmean(logs) - math.log(expected.value))
        half = _half_width(expected, logs)
        change, low, high = (_share(difference + step, up=sign > 0) for step in (0.0, -half, half))
    return Verification(
        status=_status(broken, low, high, expected.tolerance, len(telling)),
        expected=expected.value,
        measured=math.exp(fmean(math.log(v) for v in values)) if values else None,
        change=change,
        low=low,
        high=high,
        launches=len(telling),
        tolerance=expected.tolerance,
        broken=broken,
    )


def unlike(
    expected: Expectation, engine_version: str, gpus: Sequence[str] | None
) -> tuple[str, ...]:
    """Return in what the new launches are unlike the old ones; what is not known is no difference.

    Args:
        expected: the old figure.
        engine_version: the version that runs now; empty where it does not tell.
        gpus: the names of the machine's GPUs; None where nobody looked.
    """
    told = []
    if expected.gpus and gpus is not None and set(gpus) != set(expected.gpus):
        here = ", ".join(sorted(set(gpus))) or "none"
        told.append(f"GPUs: {', '.join(expected.gpus)} then, {here} now")
    if engine_version and expected.engine_version not in {"", engine_version}:
        told.append(f"engine version: {expected.engine_version} then, {engine_version} now")
    return tuple(told)


def _half_width(expected: Expectation, logs: Sequence[float]) -> float:
    middle = fmean(logs)
    squares, freedom = sum((v - middle) ** 2 for v in logs), len(logs) - 1
    if expected.noise is not None and expected.repeats > 1:
        squares += expected.noise**2 * (expected.repeats - 1)
        freedom += expected.repeats - 1
    spread = math.sqrt(1 / len(logs) + 1 / expected.repeats)
    if freedom < 1:
        return 1.96 * UNKNOWN_NOISE * spread
    return student(freedom, 0.975) * math.sqrt(squares / freedom) * spread


def _share(logarithm: float, *, up: bool) -> float:
    """Return a difference of logarithms, positive for better, as a share of what is expected."""
    return math.expm1(logarithm) if up else -math.expm1(-logarithm)


def _status(
    broken: Sequence[str], low: float | None, high: float | None, tolerance: float, launches: int
) -> Status:
    if broken:
        return "regression"
    if low is None or high is None or launches < FEWEST:
        return "inconclusive"
    if low > -tolerance:
        return "holds"
    return "regression" if high < -tolerance else "inconclusive"


def _fault(launch: Experiment) -> str:
    if launch.failure is not None:
        return launch.failure.message
    reasons = launch.verdict.reasons if launch.verdict is not None else ()
    return "; ".join(reasons) or "its objective could not be measured"
