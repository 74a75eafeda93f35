"""What a search is after, as far as a model of it needs to know."""

from dataclasses import dataclass, field

from core.task import Objective, Slo, Task


@dataclass(frozen=True)
class Aim:
    """The objective, and the SLOs that have to hold meanwhile."""

    objective: Objective = "minimize_latency"
    slo: Slo = field(default_factory=Slo)

    @classmethod
    def of(cls, task: Task) -> "Aim":
        """Return what a task is after."""
        return cls(task.optimization.objective, task.slo)
