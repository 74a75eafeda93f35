"""The SQLite file: the one source of truth, and the bus between a runner and its viewers.

A runner writes through `Store`; everybody else looks through `Viewer`, which cannot write, block or
stop a runner.
"""

from core.home import home
from core.store.location import database, experiment_log
from core.store.rows import (
    ClaimedError,
    DeadRun,
    ExperimentSort,
    Lease,
    Page,
    Recorded,
    StoredTask,
    TaskSort,
    TaskState,
    TaskSummary,
)
from core.store.store import Store
from core.store.viewer import Viewer

__all__ = [
    "ClaimedError",
    "DeadRun",
    "ExperimentSort",
    "Lease",
    "Page",
    "Recorded",
    "Store",
    "StoredTask",
    "TaskSort",
    "TaskState",
    "TaskSummary",
    "Viewer",
    "database",
    "experiment_log",
    "home",
]
