"""What a search is after, as far as a model of it needs to know."""

from dataclasses import dataclass, field

from core.task import Objective, Slo, Task


@dataclass(frozen=True)
class Aim:
    """The objectives, and the SLOs that have to hold meanwhile."""

    objective: Objective = "minimize_latency"
    slo: Slo = field(default_factory=Slo)
    also: tuple[Objective, ...] = ()

    @classmethod
    def of(cls, task: Task) -> "Aim":
        """Return what a task is after."""
        return cls(task.optimization.objective, task.slo, task.optimization.also)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All of them, the first one first."""
        return (self.objective, *self.also)
