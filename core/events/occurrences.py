"""The events of a run, in the order a runner says them.

RunBegan
  HostDescribed                        the machine and the files; what cannot be known later
  ExperimentQueued                     the search has chosen
    PhaseBegan leasing · starting
    ServerLaunched
    ServerDescribed                  what it says that it runs with
    PhaseBegan warming · measuring     once for each load level
    LevelProgress …                    once a second
    LevelMeasured
    ExperimentJudged                   the result; committed before anything is torn down
    PhaseBegan stopping
    ServerStopped                      what it took
    PhaseBegan done
  SearchAdvanced                       best so far, what is left, how long it will take
  SearchEnded                          nothing more is searched, and why
  SearchReopened                       more is searched after all, and why
  WinnerConfirmed                      what fresh launches proved of the best
  FlagReverted                         what one flag of the winner brings
  Notice                               anything else worth a line
RunEnded
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter

from core.events.confirmations import Confirmation, FlagEffect
from core.events.experiments import Failure, Origin, Outcome, Phase
from core.events.host import HostDescription
from core.events.in_force import ServerAccount
from core.events.measures import SubRound
from core.events.processes import ProcessIdentity
from core.events.verdicts import Verdict
from core.task import Configuration, Frozen, Level


class Occurrence(Frozen):
    """Something that happened at a moment."""

    at: float
    """Unix time."""


class RunBegan(Occurrence):
    """A runner took the task up, for the first time or again."""

    type: Literal["run_began"] = "run_began"
    engine: str
    engine_version: str = ""
    simulated: bool
    """Whether the figures come from a model of a machine, not from a machine."""
    levels: tuple[Level, ...]
    space_size: int | None
    """Distinct configurations in the space; None when they cannot be counted."""
    planned: int
    """Most experiments the run will make, the baseline included."""
    runner: ProcessIdentity
    resumed: bool = False


class HostDescribed(Occurrence):
    """The machine and the files that the run measures with."""

    type: Literal["host_described"] = "host_described"
    host: HostDescription


class ExperimentQueued(Occurrence):
    """A configuration is to be measured."""

    type: Literal["experiment_queued"] = "experiment_queued"
    experiment: int
    configuration: Configuration
    origin: Origin
    reason: str = ""
    promise: float | None = None
    """The improvement that the search expects of it, as a share of the best. None: unknown."""


class PhaseBegan(Occurrence):
    """An experiment entered a phase, or went on to another part of it."""

    type: Literal["phase_began"] = "phase_began"
    experiment: int
    phase: Phase
    detail: str = ""


class ServerLaunched(Occurrence):
    """The server's process exists."""

    type: Literal["server_launched"] = "server_launched"
    experiment: int
    argv: tuple[str, ...]
    """Secrets masked."""
    server: ProcessIdentity
    guardian: ProcessIdentity
    url: str
    log: str
    gpus: tuple[str, ...] = ()


class ServerDescribed(Occurrence):
    """A server that is ready said what it runs with."""

    type: Literal["server_described"] = "server_described"
    experiment: int
    account: ServerAccount


class ServerStopped(Occurrence):
    """The server has ended."""

    type: Literal["server_stopped"] = "server_stopped"
    experiment: int
    peak_memory: int
    """Bytes: the most host memory that its processes were seen with, shared pages counted once for
    each of them."""


class LevelProgress(Occurrence):
    """How the load level under way is doing. Later ones replace earlier ones."""

    type: Literal["level_progress"] = "level_progress"
    experiment: int
    index: int
    phase: Phase
    elapsed: float
    """Seconds since the phase began."""
    done: int
    """Requests finished in this phase."""
    planned: int
    """Requests the phase is expected to need."""
    failed: int
    output_throughput: float
    """Tokens per second since the last report."""
    ttft: float | None
    """Median of the requests so far, in seconds."""


class LevelMeasured(Occurrence):
    """A load level is measured."""

    type: Literal["level_measured"] = "level_measured"
    experiment: int
    sub_round: SubRound


class ExperimentJudged(Occurrence):
    """The result of an experiment."""

    type: Literal["experiment_judged"] = "experiment_judged"
    experiment: int
    outcome: Outcome
    verdict: Verdict | None = None
    failure: Failure | None = None
    stopped_because: str = ""
    """Why a pruned one was stopped early, in a phrase."""


class Notice(Occurrence):
    """Something worth a line."""

    type: Literal["notice"] = "notice"
    severity: Literal["info", "warning", "error"] = "info"
    text: str
    experiment: int | None = None
    """The experiment it is about, whose warnings it joins unless it is mere information."""


class SearchAdvanced(Occurrence):
    """Where the search stands."""

    type: Literal["search_advanced"] = "search_advanced"
    best: int | None
    """The experiment that would be handed back if the run stopped now."""
    remaining: int
    """Most experiments still to come."""
    eta: float | None
    """Seconds until the run is over, if it goes on as so far."""
    eta_beyond: float | None = None
    """Seconds of it that remain once the experiment that comes next is over, however long that one
    takes."""
    eta_basis: str = ""
    """What that is reckoned from, in a phrase."""
    next: str = ""
    """What comes next, and why."""
    noise: float | None = None
    """Standard deviation of one measurement as a share of it, from repeats. None: none yet."""
    drift: float | None = None
    """Change of the defaults' figure from their first to their last measurement, as a share. None:
    none is proved."""


class SearchEnded(Occurrence):
    """Nothing more is searched; what was found is confirmed next."""

    type: Literal["search_ended"] = "search_ended"
    reason: str


class SearchReopened(Occurrence):
    """The search goes on: nothing that it found kept the hard SLOs on fresh launches."""

    type: Literal["search_reopened"] = "search_reopened"
    reason: str


class WinnerConfirmed(Occurrence):
    """Fresh launches have decided, or could not be made."""

    type: Literal["winner_confirmed"] = "winner_confirmed"
    confirmation: Confirmation


class FlagReverted(Occurrence):
    """Fresh launches without one flag of the winner are measured."""

    type: Literal["flag_reverted"] = "flag_reverted"
    effect: FlagEffect


class RunEnded(Occurrence):
    """The runner is through with the task."""

    type: Literal["run_ended"] = "run_ended"
    state: Literal["finished", "cancelled", "failed", "interrupted"]
    reason: str
    best: int | None = None


Event: TypeAlias = Annotated[
    RunBegan
    | HostDescribed
    | ExperimentQueued
    | PhaseBegan
    | ServerLaunched
    | ServerDescribed
    | ServerStopped
    | LevelProgress
    | LevelMeasured
    | ExperimentJudged
    | Notice
    | SearchAdvanced
    | SearchEnded
    | SearchReopened
    | WinnerConfirmed
    | FlagReverted
    | RunEnded,
    Field(discriminator="type"),
]

_CODEC: TypeAdapter[Event] = TypeAdapter(Event)


def encode(event: Event) -> str:
    """Return the event as one line of JSON."""
    return _CODEC.dump_json(event).decode()


def decode(text: str | bytes) -> Event:
    """Return the event that `encode` wrote.

    Raises:
        pydantic.ValidationError: the text is no event of this version.
    """
    return _CODEC.validate_json(text)
