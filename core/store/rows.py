"""What the store hands out: its rows as values."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Literal, TypeAlias, TypeVar

from core.errors import StoreError
from core.events import (
    Confirmation,
    Event,
    Outcome,
    ProcessIdentity,
    ServerLaunched,
    Verdict,
    reached,
)
from core.task import Objective, Task

T = TypeVar("T")


class TaskState(StrEnum):
    """Where a task stands."""

    CREATED = "created"
    """No runner has taken it up yet."""
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    """Stopped by the user."""
    FAILED = "failed"
    """The runner could not go on; its last event says why."""
    INTERRUPTED = "interrupted"
    """The runner ended without a word."""


TaskSort: TypeAlias = Literal["created", "name", "engine", "model", "state"]
ExperimentSort: TypeAlias = Literal["number", "rank", "value", "score", "duration", "outcome"]
"""`rank` is what decides: feasible first, and the best of them first."""


IsAlive: TypeAlias = Callable[[ProcessIdentity], bool]
"""Says whether exactly this process still runs. Must answer at once."""


@dataclass(frozen=True)
class StoredTask:
    """One run of one task file."""

    id: int
    name: str
    run: int
    """1 for the first run of that name, 2 for the second, …"""
    text: str
    """The task file, word for word but for secrets."""
    source: str
    """The path it was read from; empty where there was none."""
    task: Task
    created_at: float
    """Unix time."""
    state: TaskState
    runner: ProcessIdentity | None
    """The process that has claimed it."""

    @property
    def ref(self) -> str:
        """What finds exactly this run: `quickstart#2`."""
        return f"{self.name}#{self.run}"


@dataclass(frozen=True)
class TaskSummary:
    """What a list of tasks says of each."""

    id: int
    name: str
    run: int
    engine: str
    model: str
    state: TaskState
    runner: ProcessIdentity | None
    simulated: bool
    created_at: float
    began_at: float | None
    """Unix time at which the latest runner took it up."""
    ended_at: float | None
    """Unix time at which that runner ended."""
    spent: float
    """Seconds that the runners before it took."""
    planned: int | None
    """Most experiments of the run."""
    remaining: int | None
    """Most experiments still to come."""
    eta: float | None
    """Seconds until it is over, as the search said last."""
    outcomes: dict[Outcome | None, int]
    """Experiments by outcome; None counts those under way."""
    best: int | None
    """Number of the best experiment so far."""
    best_verdict: Verdict | None
    baseline_verdict: Verdict | None
    confirmation: Confirmation | None = None
    """What fresh launches proved of the best, last."""
    pinned: bool = False
    """Whether `verify` made it, to measure an old result anew."""

    @property
    def ref(self) -> str:
        """What finds exactly this run: `quickstart#2`."""
        return f"{self.name}#{self.run}"

    @property
    def done(self) -> int:
        """How many experiments are over; what was broken off is made again."""
        again = {None, Outcome.CANCELLED, Outcome.INTERRUPTED}
        return sum(count for outcome, count in self.outcomes.items() if outcome not in again)

    @property
    def best_value(self) -> float | None:
        """What the objective of the best comes to."""
        if self.best is None or self.best_verdict is None:
            return None
        return reached(self.confirmation, self.best, self.best_verdict.value)

    @property
    def objective(self) -> Objective | None:
        """What is improved; None until something was judged."""
        verdict = self.best_verdict or self.baseline_verdict
        return verdict.objective if verdict else None

    def elapsed(self, now: float) -> float:
        """Return the seconds that runners have worked on it until `now`."""
        if self.began_at is None:
            return self.spent
        return self.spent + max(0.0, (self.ended_at or now) - self.began_at)


@dataclass(frozen=True)
class Recorded:
    """An event and its place in the history."""

    seq: int
    """Grows with every event of the store, and is never given out twice."""
    event: Event


@dataclass(frozen=True)
class Lease:
    """A GPU that one runner has for itself."""

    gpu: str
    """UUID."""
    holder: ProcessIdentity
    taken_at: float
    """Unix time."""


@dataclass(frozen=True)
class DeadRun:
    """A run whose runner ended without a word."""

    task: StoredTask
    servers: tuple[ServerLaunched, ...]
    """The servers that nobody has said to be gone."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """A window on a list."""

    rows: tuple[T, ...]
    total: int
    """How long the whole list is."""


class ClaimedError(StoreError):
    """Another runner has the task."""

    def __init__(self, task: StoredTask, holder: ProcessIdentity) -> None:
        super().__init__(
            f"{task.ref}: is being run by {holder}; watch it with `autotuner`, or stop it first"
        )
        self.holder = holder


@dataclass(frozen=True)
class TaskRef:
    """What a user may call a task by: `#17` (its id), `name#2` (its second run) or `name`."""

    id: int | None
    name: str
    run: int | None

    @classmethod
    def parse(cls, text: str) -> "TaskRef":
        """Read `text`; every text names something, if perhaps nothing that exists."""
        match = re.fullmatch(r"(.*)#(\d{1,18})", text, re.DOTALL)
        if match is None:
            return cls(None, text, None)
        number = int(match[2])
        return cls(None, match[1], number) if match[1] else cls(number, "", None)
