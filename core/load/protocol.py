"""What the runner's side and a load worker say to each other: one JSON line each way per message.

    Prepare  →            calibrate, write the requests, open the connections
             ←  Ready
    Begin    →            start the load at this moment
             ←  Tally …   five times a second
    Close    →            keep the load up, until every request of the window has ended
             ←  Tally …   settled
    Halt     →            drop everything
             ←  Tally     the last one

A worker that cannot go on says `Broken` instead. All times are nanoseconds of CLOCK_MONOTONIC.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter

from core.events import ClientFloor, Failure
from core.load.plan import LevelPlan, Target
from core.load.vocabulary import Vocabulary
from core.task import Frozen


class Message(Frozen):
    """A line of the protocol. Bytes travel as base64."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")


class Prepare(Message):
    """Get ready for a level."""

    type: Literal["prepare"] = "prepare"
    target: Target
    plan: LevelPlan
    worker: int = 0
    """Which of the workers this is; worker k takes every k-th slot or arrival."""
    workers: int = 1
    round: int = 0
    """Levels measured before, so that no prompt comes twice."""
    vocabulary: Vocabulary | None = None
    """None: find it out."""


class Begin(Message):
    """Start the load."""

    type: Literal["begin"] = "begin"
    at: int


class Close(Message):
    """The window is over: go on until all requests due in it have ended."""

    type: Literal["close"] = "close"
    opened: int
    closed: int


class Halt(Message):
    """Stop at once."""

    type: Literal["halt"] = "halt"


Command: TypeAlias = Annotated[Prepare | Begin | Close | Halt, Field(discriminator="type")]


class Ready(Message):
    """Everything is prepared."""

    type: Literal["ready"] = "ready"
    vocabulary: Vocabulary
    stamped: bool
    """Whether arrival times come from the kernel."""
    floor: ClientFloor | None = None
    """What this worker adds on an idle machine."""


class Tally(Message):
    """What was seen since the last tally; the arrays are those of `core.load.ledger.Sighting`."""

    type: Literal["tally"] = "tally"
    at: int
    rows: bytes
    begun: bytes
    chunks: bytes
    gaps: bytes
    lags: bytes
    loop_lags: bytes
    """(bin, count) pairs: how late the event loop called its heartbeat."""
    cpu: float
    """Seconds of CPU the worker has used since its load began."""
    dropped: int
    """Requests sent again since the load began, because the server had dropped their connection."""
    complaints: dict[str, str]
    exhausted: bool = False
    """Whether the schedule is at its end: a trace was replayed to its last request."""
    settled: bool = False
    """After `Close`: whether every request of the window has ended."""
    last: bool = False
    """After `Halt`: nothing follows."""


class Broken(Message):
    """The worker cannot go on with this level."""

    type: Literal["broken"] = "broken"
    failure: Failure


Report: TypeAlias = Annotated[Ready | Tally | Broken, Field(discriminator="type")]

_COMMANDS: TypeAdapter[Command] = TypeAdapter(Command)
_REPORTS: TypeAdapter[Report] = TypeAdapter(Report)


def line(message: Message) -> bytes:
    """Return the message as a line."""
    return message.model_dump_json().encode() + b"\n"


def read_command(text: bytes) -> Command:
    """Return the command of a line.

    Raises:
        pydantic.ValidationError: it is none.
    """
    return _COMMANDS.validate_json(text)


def read_report(text: bytes) -> Report:
    """Return the report of a line.

    Raises:
        pydantic.ValidationError: it is none.
    """
    return _REPORTS.validate_json(text)
