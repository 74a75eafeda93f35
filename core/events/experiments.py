"""One experiment: its life, how it ended, and why it failed."""

from enum import StrEnum
from typing import Literal, TypeAlias

from pydantic import Field

from core.events.in_force import ServerAccount
from core.events.measures import SubRound
from core.events.verdicts import Verdict
from core.task import Configuration, Frozen


class Phase(StrEnum):
    """Where an experiment stands. Phases follow one another in this order; warming and measuring
    take turns, once for each load level, and any phase may be cut short by stopping."""

    QUEUED = "queued"
    LEASING = "leasing"
    STARTING = "starting"
    WARMING = "warming"
    MEASURING = "measuring"
    STOPPING = "stopping"
    DONE = "done"


class Outcome(StrEnum):
    """How an experiment ended."""

    OK = "ok"
    """Measured, and no hard SLO broken."""
    INFEASIBLE = "infeasible"
    """Measured, and a hard SLO broken."""
    PRUNED = "pruned"
    """Stopped early, because it could not win any more."""
    FAILED = "failed"
    """Could not be measured; `Failure` says why."""
    CANCELLED = "cancelled"
    """Stopped by the user."""
    INTERRUPTED = "interrupted"
    """Its runner ended in the middle."""


class FailureKind(StrEnum):
    """Why an experiment could not be measured."""

    BAD_FLAGS = "bad_flags"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    START_TIMEOUT = "start_timeout"
    WARMUP_TIMEOUT = "warmup_timeout"
    MEASURE_TIMEOUT = "measure_timeout"
    REQUEST_ERRORS = "request_errors"
    CLIENT_BOUND = "client_bound"
    ENVIRONMENT = "environment"


class Failure(Frozen):
    """Why an experiment could not be measured, with the proof and what to try."""

    kind: FailureKind
    """What kind of failure it is."""
    message: str
    """What happened, in one sentence."""
    evidence: str = ""
    """The line of the server's log that proves it; empty where there is none."""
    advice: str = ""
    """What to try, in one sentence."""
    transient: bool = False
    """Whether the same may well go right the next time."""


Origin: TypeAlias = Literal["baseline", "search", "repeat", "confirmation", "soak", "revert"]
"""Why an experiment was made:

baseline      the engine's defaults, first of all
search        the strategy chose it
repeat        the defaults again, in the course of the run: noise and drift
confirmation  a contender, or the defaults, measured anew in turns at the end
soak          the winner, for long, at the load of the SLOs
revert        the winner with one flag set back
"""


class Experiment(Frozen):
    """One configuration of the engine, launched once and measured."""

    number: int = Field(ge=0)
    """Its number within the run, from 0."""
    configuration: Configuration
    """Its flags; those that are left out are not there, or null."""
    origin: Origin
    """What it was made for."""
    reason: str = ""
    """Why it was made, in a phrase."""
    promise: float | None = None
    """The improvement that the search expected of it, as a share of the best. None: unknown."""
    argv: tuple[str, ...] = ()
    """The exact command line, secrets masked; empty until it is launched."""
    in_force: ServerAccount | None = None
    """What the server said that it runs with; None where it tells nothing."""
    gpus: tuple[str, ...] = ()
    """UUIDs of the leased GPUs."""
    log: str = ""
    """Path of the server's log."""
    peak_memory: int | None = None
    """Most host memory of the server's processes, in bytes. None: it was not seen, or is that of a
    simulation."""
    phase: Phase = Phase.QUEUED
    """Where it stands."""
    phase_detail: str = ""
    """What the phase is doing: `loading weights`, `level 2 of 3`."""
    spent: dict[Phase, float] = Field(default_factory=dict)
    """Seconds spent in each phase that is over."""
    phase_began_at: float
    """Unix time at which the present phase began."""
    began_at: float
    """Unix time at which the experiment was queued."""
    ended_at: float | None = None
    """Unix time at which nothing of it was left running."""
    sub_rounds: tuple[SubRound, ...] = ()
    """Its results, one for each load level that was measured."""
    outcome: Outcome | None = None
    """None while it is under way."""
    failure: Failure | None = None
    """Why it could not be measured; null where it was."""
    stopped_because: str = ""
    """Why it was stopped early, in a phrase; empty where it was not."""
    verdict: Verdict | None = None
    """What its results mean; null where there are none."""
    warnings: tuple[str, ...] = ()
    """What went wrong without touching the result: a slow stop, a GPU that kept memory."""

    @property
    def measured(self) -> bool:
        """Whether every load level was measured, so that the figures speak for the whole task."""
        return self.outcome in {Outcome.OK, Outcome.INFEASIBLE} and bool(self.sub_rounds)
