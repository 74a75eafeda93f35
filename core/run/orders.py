"""What an experiment is given: what is to be measured, and what all of one run share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.engines.engine import Engine
from core.events import Origin, SubRound
from core.load import LoadWorker
from core.machine.cores import Cores
from core.run.allocation import Allocation
from core.run.hosting import Hosting
from core.run.journal import Journal
from core.store import Store
from core.task import Configuration, Task
from core.verdict.pruning import Pruning


@dataclass(frozen=True)
class Workbench:
    """What all experiments of one run share."""

    task: Task
    task_id: int
    engine: Engine
    store: Store
    journal: Journal
    worker: LoadWorker
    hosting: Hosting
    allocation: Allocation
    log_of: Callable[[int], Path]
    """Returns the path of the server's log of an experiment."""
    cores: Cores | None = None
    """Which CPUs are for the load; None: all are for all."""


@dataclass(frozen=True)
class Order:
    """An experiment to conduct."""

    number: int
    configuration: Configuration
    origin: Origin
    reason: str = ""
    promise: float | None = None
    """The improvement that the search expects."""
    levels: tuple[int, ...] | None = None
    """Indices of the levels to measure; None: all of them."""
    stretch: float = 1.0
    """How many times as long as usual each level is measured."""
    pruning: Pruning | None = None
    """What it is held against after each level; None: it is measured in full."""
    incumbents: Mapping[int, float] = field(default_factory=dict)
    """Largest load by GPU that the best so far holds, by level: it has to hold that to go on."""
    loads: Mapping[int, float] = field(default_factory=dict)
    """Load at which a level is measured whose largest load is known already."""
    kept: Mapping[int, SubRound] = field(default_factory=dict)
    """Levels that need not be measured, by index: what an interrupted try left."""
