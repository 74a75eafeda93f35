"""Service-level objectives: which latency statistic may be how long, and what a violation costs.

slo:
  latency: {p90: {threshold: 6.5, hard_fail: true, fail_ratio: 0.2}}    end to end
  ttft: {threshold: 1.0, weight: 2}                                     the mean
  tpot: {p99: {threshold: 0.05}}
  steepness: 0.1
"""

from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, Field

from core.task.frozen import Section

Statistic: TypeAlias = Literal["mean", "p50", "p75", "p90", "p95", "p99", "p99.9"]
"""The statistics of a latency that an SLO may bound."""

STATISTICS: tuple[Statistic, ...] = get_args(Statistic)


class SloTarget(Section):
    """The bound on one statistic of one latency."""

    threshold: float = Field(gt=0)
    """The longest that is still good, in seconds."""
    weight: float = Field(default=1.0, ge=0)
    """How much a violation counts in the score."""
    hard_fail: bool = False
    """Whether a violation beyond `fail_ratio` makes the configuration infeasible."""
    fail_ratio: float = Field(default=0.5, ge=0)
    """Tolerated violation of a hard SLO, as a share of the threshold: 0.2 is 20 % over."""


def _mean_unless_said(raw: Any) -> Any:
    """Read `{threshold: 1}` or a bare `1` as a bound on the mean."""
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return {"mean": {"threshold": raw}}
    if isinstance(raw, dict) and "threshold" in raw:
        return {"mean": raw}
    if isinstance(raw, dict):
        return {statistic: bound for statistic, bound in raw.items() if bound is not None}
    return raw


def _threshold_unless_said(raw: Any) -> Any:
    """Read a bare number as a threshold."""
    bare = isinstance(raw, int | float) and not isinstance(raw, bool)
    return {"threshold": raw} if bare else raw


Targets: TypeAlias = Annotated[
    dict[Statistic, Annotated[SloTarget, BeforeValidator(_threshold_unless_said)]],
    BeforeValidator(_mean_unless_said),
]


class Slo(Section):
    """All SLOs of a task. Every load level of an experiment has to hold them."""

    latency: Targets = Field(default_factory=dict)
    """End-to-end latency of a request, in seconds."""
    ttft: Targets = Field(default_factory=dict)
    """Time to first token, in seconds. Without a statistic: the mean."""
    tpot: Targets = Field(default_factory=dict)
    """Time per output token after the first, in seconds. Without a statistic: the mean."""
    itl: Targets = Field(default_factory=dict)
    """Inter-token latency, in seconds. Without a statistic: the mean."""
    steepness: float = Field(default=0.1, gt=0)
    """How fast the penalty of a violation grows: it is weight · exp(violation / steepness)."""

    def targets(self) -> dict[str, SloTarget]:
        """Return every bound by the name of its metric: `e2e_latency_p90`, `ttft_mean`, …"""
        families = {
            "e2e_latency": self.latency,
            "ttft": self.ttft,
            "tpot": self.tpot,
            "itl": self.itl,
        }
        return {
            f"{family}_{statistic}": target
            for family, targets in families.items()
            for statistic, target in targets.items()
        }
