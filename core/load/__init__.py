"""Measuring a running server: load it as asked, keep honest time, and know one's own error."""

from core.load.bench import BenchPlan, bench
from core.load.capacity import Capacity, CapacityPlan, find_capacity
from core.load.measure import LoadWorker
from core.load.plan import LevelPlan, MeasurementError, Progress, RequestTable, Target

__all__ = [
    "BenchPlan",
    "Capacity",
    "CapacityPlan",
    "LevelPlan",
    "LoadWorker",
    "MeasurementError",
    "Progress",
    "RequestTable",
    "Target",
    "bench",
    "find_capacity",
]
