"""What the rest of the program has to know about a kind of inference server.

An engine is pure: it spells command lines and knows signs. It starts nothing and asks nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from core.engines.catalogue import Catalogue
from core.engines.dimensions import expand, is_dimension
from core.engines.in_force import InForce
from core.engines.memory_estimate import MemoryEstimate
from core.engines.metric_names import MetricNames
from core.engines.model_facts import ModelFacts
from core.engines.model_reading import read_facts
from core.engines.signs import COMMON_SIGNS, Sign
from core.task import Configuration, FlagValue, Frozen, ParameterSpace, Task, referred

_FILL_IN = (
    "import os, runpy, sys; module, *words = sys.argv[1:]; "
    "sys.argv[1:] = [os.environ.get(w[1:], w) if w[:1] == '$' else w for w in words]; "
    "runpy.run_module(module, run_name='__main__', alter_sys=True)"
)
"""What `python -c` runs to do the same as `python -m`, `$NAME` being the variable's value. A child
that `multiprocessing` spawns finds the module as it does after `python -m`."""


class Command(Frozen):
    """A process to start: these arguments, and these variables beside the inherited ones."""

    argv: tuple[str, ...]
    """As a person writes them to a shell: a word `$NAME` stands for a secret variable."""
    environment: dict[str, str] = Field(default_factory=dict)

    @property
    def references(self) -> tuple[str, ...]:
        """The variables that the arguments refer to."""
        return tuple(name for word in self.argv if (name := referred(word)) is not None)

    @property
    def executed(self) -> tuple[str, ...]:
        """The arguments that the process is started with.

        Every user of the machine can read them, so references are filled in by the process itself.
        """
        if not (self.references and is_python_module(self.argv)):
            return self.argv
        at = self.argv.index("-m")
        return (*self.argv[:at], "-c", _FILL_IN, *self.argv[at + 1 :])


def is_python_module(argv: Sequence[str]) -> bool:
    """Return whether a command line is `python -m MODULE …`: such a process fills in references.

    Options of Python may stand before that, but for those that take a word of their own.
    """
    if not argv or not Path(argv[0]).name.startswith("python"):
        return False
    after = (word for word in argv[1:-1] if word == "-m" or not word.startswith("-"))
    return next(after, None) == "-m"


class GpuFacts(Frozen):
    """The GPUs that a server may get."""

    count: int = Field(ge=0)
    memory: int = Field(ge=0)
    """Bytes of the smallest of them."""


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
    metrics: ClassVar[MetricNames] = MetricNames()
    """What its figures are called there."""
    cache_reset_paths: ClassVar[tuple[str, ...]] = ()
    """Where a POST empties the prefix cache; the first one the server has is used."""
    info_paths: ClassVar[tuple[str, ...]] = ()
    """Pages of JSON on which a running server tells of itself, for `own_account`."""
    secret_variables: ClassVar[Mapping[str, str]] = {}
    """Variables that it takes for flags that hold a secret, by flag."""
    image: ClassVar[str | None] = None
    """Its official container image, without a tag; None where there is none."""
    fetches_by: ClassVar[frozenset[str]] = frozenset()
    """Flags without which the model has to be a file; empty where it may be a name as well."""
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

    def fills_in(self, task: Task) -> bool:  # noqa: ARG002
        """Return whether its process fills in a secret variable that a flag refers to: `$NAME`."""
        return False

    def executable(self, task: Task) -> str | None:
        """Return which program to launch: the one that the task names, else the one that flags
        were scanned from; None to look for it on PATH.
        """
        return task.engine.executable or (self.catalogue.program if self.catalogue else None)

    def gpus_needed(self, task: Task, configuration: Configuration) -> int:  # noqa: ARG002
        """Return how many GPUs one server of this configuration occupies."""
        return 0

    def facts(self, task: Task) -> ModelFacts | None:
        """Return what the model's own files say; None where they are not on this machine.

        Raises:
            HostError: they are here and cannot be understood.
        """
        return read_facts(task.model.id_or_path)

    def memory(
        self,
        task: Task,  # noqa: ARG002
        configuration: Configuration,  # noqa: ARG002
        facts: ModelFacts,  # noqa: ARG002
        gpus: GpuFacts,  # noqa: ARG002
    ) -> MemoryEstimate | None:
        """Return what the configuration needs of each GPU's memory at the least, if it is known."""
        return None

    def refuse(
        self,
        task: Task,
        configuration: Configuration,
        facts: ModelFacts | None = None,
        gpus: GpuFacts | None = None,
    ) -> str | None:
        """Return why a launch of this configuration is known to fail, or None.

        Args:
            task: what is asked for.
            configuration: the point of the space.
            facts: the model; None where nothing is known of it.
            gpus: what the server may get; None where that is not known.
        """
        wished = expand(self.name, configuration, facts)
        if wished.refusal is not None:
            return wished.refusal
        known = self.catalogue
        if known is not None:
            for name, value in wished.flags.items():
                if refusal := known.refuse(name, value):
                    return f"{name} {refusal}"
        return self.conflict(self.flags(task, configuration), facts, gpus)

    def own_account(self, pages: Mapping[str, Any]) -> InForce:  # noqa: ARG002
        """Return what a server's pages say of its version and arguments, by path."""
        return InForce()

    def conflict(
        self,
        flags: Mapping[str, FlagValue],  # noqa: ARG002
        facts: ModelFacts | None,  # noqa: ARG002
        gpus: GpuFacts | None,  # noqa: ARG002
    ) -> str | None:
        """Return which of the flags of a launch do not go together, or with the model or GPUs."""
        return None

    def recommended_space(
        self,
        facts: ModelFacts | None,  # noqa: ARG002
        gpus: GpuFacts | None,  # noqa: ARG002
    ) -> dict[str, ParameterSpace]:
        """Return the flags that matter most, with values that suit the model and the GPUs."""
        return {}

    def flags(self, task: Task, configuration: Configuration) -> Mapping[str, FlagValue]:
        """Return every flag of a launch: the task's fixed ones, those that the configuration's
        wishes come to, and those it names, each laid over the ones before.

        `tp_size` and `tp-size` are one flag here, so that a tuned value replaces a fixed one.
        """
        known = self.catalogue
        merged: dict[str, FlagValue] = {}
        wished = expand(self.name, configuration).flags
        named = {name: value for name, value in configuration.items() if not is_dimension(name)}
        for values in (task.engine.arguments, wished, named):
            for name, value in values.items():
                flag = known.find(name) if known else None
                merged[flag.name if flag else name] = value
        return merged
