"""What measurements mean: SLOs, objectives, scores, ranking, comparisons. Pure."""

from core.task import maximised, objective_metric
from core.verdict.judge import explain, judge, objective_value
from core.verdict.ranking import best, gain, rank_key

__all__ = [
    "best",
    "explain",
    "gain",
    "judge",
    "maximised",
    "objective_metric",
    "objective_value",
    "rank_key",
]
