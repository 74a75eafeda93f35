"""Measuring a running server: load it as asked, keep honest time, and know one's own error.

Names are imported when they are asked for: each load worker is a process that runs a module of this
package, and its start must not cost what only the runner's side needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.load.capacity import CapacityPlan, find_capacity
    from core.load.measure import LoadWorker
    from core.load.plan import LevelPlan, MeasurementError, Progress, RequestTable, Target
    from core.load.planning import PlanTerms, capacity_plan, level_plan, load_target

__all__ = [
    "CapacityPlan",
    "LevelPlan",
    "LoadWorker",
    "MeasurementError",
    "PlanTerms",
    "Progress",
    "RequestTable",
    "Target",
    "capacity_plan",
    "find_capacity",
    "level_plan",
    "load_target",
]

_MODULES = {
    "CapacityPlan": "capacity",
    "find_capacity": "capacity",
    "LoadWorker": "measure",
    "PlanTerms": "planning",
    "capacity_plan": "planning",
    "level_plan": "planning",
    "load_target": "planning",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'plan')}"), name)
