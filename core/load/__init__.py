"""Measuring a running server: load it as asked, keep honest time, and know one's own error."""

from core.load.bench import BenchPlan, bench
from core.load.capacity import CapacityPlan, find_capacity
from core.load.measure import LoadWorker
from core.load.plan import LevelPlan, MeasurementError, Progress, RequestTable, Target
from core.load.planning import PlanTerms, capacity_plan, level_plan, load_target

__all__ = [
    "BenchPlan",
    "CapacityPlan",
    "LevelPlan",
    "LoadWorker",
    "MeasurementError",
    "PlanTerms",
    "Progress",
    "RequestTable",
    "Target",
    "bench",
    "capacity_plan",
    "find_capacity",
    "level_plan",
    "load_target",
]
