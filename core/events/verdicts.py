"""What the measurements of one experiment mean."""

from pydantic import Field

from core.task import Frozen, Objective


class SloVerdict(Frozen):
    """One SLO against the load level that kept it worst."""

    metric: str
    """`e2e_latency_p90`, `ttft_mean`, …"""
    threshold: float
    """In seconds."""
    actual: float | None
    """The worst level's figure, in seconds. None: no level could measure it."""
    sub_round: int | None
    """Index of that level."""
    violation: float
    """(actual − threshold) / threshold where that is above 0, else 0."""
    penalty: float
    """What the violation adds to the score, as a share of its base."""
    hard: bool
    """Whether it must hold, within its fail ratio, for the configuration to be feasible."""
    broken: bool
    """Whether a hard SLO is violated beyond its fail ratio, or could not be measured."""

    @property
    def held(self) -> bool:
        """Whether the figure is at or below its threshold."""
        return self.actual is not None and self.violation == 0


class Beside(Frozen):
    """What an objective after the first came to."""

    objective: Objective
    """Its name, as the task has it."""
    value: float | None
    """In its own unit, the plain mean over the load levels."""


class Verdict(Frozen):
    """SLO by SLO, then as a whole."""

    slos: tuple[SloVerdict, ...]
    """Every SLO of the task."""
    feasible: bool
    """Whether every level was measured and no hard SLO is broken."""
    objective: Objective
    """What the run improves, the first of several."""
    value: float | None
    """The objective in its own unit: seconds, or total tokens per second and GPU."""
    score: float | None
    """value, or −value for throughput, plus penalties × |value|. Lower is better."""
    violation: float = Field(ge=0)
    """Sum of all SLO violations; what ranks infeasible configurations."""
    also: tuple[Beside, ...] = ()
    """The objectives after the first, where there are several."""
    reasons: tuple[str, ...] = ()
    """Why it is not feasible, a phrase each: `e2e_latency_p90 8.7 s, 34 % over 6.5 s`."""

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All objectives, the first one first."""
        return (self.objective, *(beside.objective for beside in self.also))

    @property
    def values(self) -> tuple[float | None, ...]:
        """What each of them came to, in its own unit."""
        return (self.value, *(beside.value for beside in self.also))
