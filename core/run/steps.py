"""What a run may do next: the words in which the agenda speaks. Pure."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from core.events import Confirmation, FlagEffect, Origin
from core.task import Configuration


@dataclass(frozen=True)
class Measure:
    """Launch a configuration and measure it."""

    configuration: Configuration
    origin: Origin
    reason: str
    promise: float | None = None
    full: bool = True
    """Whether it has to be measured to its end, however bad it is."""


@dataclass(frozen=True)
class EndSearch:
    """Say that nothing more is searched."""

    reason: str


@dataclass(frozen=True)
class Reopen:
    """Say that the search goes on."""

    reason: str


@dataclass(frozen=True)
class Conclude:
    """Say what the fresh launches prove."""

    confirmation: Confirmation


@dataclass(frozen=True)
class Attribute:
    """Say what one flag brings."""

    effect: FlagEffect


@dataclass(frozen=True)
class Wait:
    """Nothing can be begun until something under way is over."""


@dataclass(frozen=True)
class Stop:
    """The run is over."""

    state: Literal["finished", "failed"]
    reason: str


Step: TypeAlias = Measure | EndSearch | Reopen | Conclude | Attribute | Wait | Stop
