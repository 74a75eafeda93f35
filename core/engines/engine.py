"""What the rest of the program has to know about a kind of inference server.

An engine is pure: it spells command lines and knows signs. It starts nothing and asks nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from core.engines.catalogue import Catalogue
from core.engines.signs import COMMON_SIGNS, Sign
from core.task import Configuration, FlagValue, Frozen, Task


class Command(Frozen):
    """A process to start: these arguments, and these variables beside the inherited ones."""

    argv: tuple[str, ...]
    environment: dict[str, str] = Field(default_factory=dict)


class RequestShape(Frozen):
    """How a request for an answer of a fixed length is put to this engine."""

    length_fields: tuple[str, ...] = ("max_tokens",)
    """Body fields that each take the number of output tokens."""
    extras: dict[str, Any] = Field(default_factory=dict)
    """Body fields that every request gets, such as `ignore_eos`."""


class Engine(ABC):
    """One kind of inference server that speaks the OpenAI API."""

    name: ClassVar[str]
    """What `base_runtime` calls it."""
    simulated: ClassVar[bool] = False
    """Whether its figures come from a model of a machine."""
    health_path: ClassVar[str] = "/health"
    """Answers 200 once the server is up."""
    metrics_path: ClassVar[str | None] = "/metrics"
    """The Prometheus page; None where there is none."""
    image: ClassVar[str | None] = None
    """Its official container image, without a tag; None where there is none."""
    requests: ClassVar[RequestShape] = RequestShape()
    signs: ClassVar[tuple[Sign, ...]] = COMMON_SIGNS
    """What a line of the log gives away, the most telling first."""

    @property
    @abstractmethod
    def catalogue(self) -> Catalogue | None:
        """The flags it has; None when any flag may be meant."""

    @abstractmethod
    def command(
        self, task: Task, configuration: Configuration, *, port: int, host: str = "127.0.0.1"
    ) -> Command:
        """Return the launch command of `configuration`.

        Raises:
            HostError: the engine's program is not on this machine.
        """

    def gpus_needed(self, task: Task, configuration: Configuration) -> int:  # noqa: ARG002
        """Return how many GPUs one server of this configuration occupies."""
        return 0

    def flags(self, task: Task, configuration: Configuration) -> Mapping[str, FlagValue]:
        """Return every flag of a launch: the task's fixed ones with the tuned ones laid over them.

        `tp_size` and `tp-size` are one flag here, so that a tuned value replaces a fixed one.
        """
        known = self.catalogue
        merged: dict[str, FlagValue] = {}
        for values in (task.engine.arguments, configuration):
            for name, value in values.items():
                flag = known.find(name) if known else None
                merged[flag.name if flag else name] = value
        return merged
