"""What the user asks for. Pure: parse, check, explain; no clock, no process, no network."""

from core.task.configuration import DEFAULTS, Configuration, FlagValue, spell
from core.task.dimensions import Dimension, ParallelConfig, QuantConfig
from core.task.document import (
    Benchmark,
    Budget,
    ConfirmationRules,
    Container,
    Engine,
    GpuRules,
    MergeRule,
    Model,
    Mount,
    Optimization,
    StrategyName,
    Task,
    Timeouts,
)
from core.task.expectation import Expectation
from core.task.frozen import Frozen, Section
from core.task.objective import (
    LOAD_OBJECTIVES,
    OBJECTIVES,
    Objective,
    maximised,
    objective_metric,
)
from core.task.preset import Merged, Preset, merge
from core.task.reading import MisreadError, Reading, parse_task, read_preset, read_task
from core.task.secret_names import (
    SHORTEST_SECRET,
    is_secret_name,
    names_secret_file,
    referred,
)
from core.task.shares import Shares, share_out
from core.task.slo import STATISTICS, Slo, SloTarget, Statistic
from core.task.source import FieldPath, Source, dotted, read_text
from core.task.space import (
    Choices,
    Conditions,
    ParameterSpace,
    Range,
    condition_mistakes,
    finite_values,
)
from core.task.traffic import Level, LoadKind, Scenario
from core.task.workload import (
    Arrivals,
    Conversation,
    Dataset,
    LoadSearchRules,
    SharedPrefix,
    Trace,
)

__all__ = [
    "DEFAULTS",
    "LOAD_OBJECTIVES",
    "OBJECTIVES",
    "SHORTEST_SECRET",
    "STATISTICS",
    "Arrivals",
    "Benchmark",
    "Budget",
    "Choices",
    "Conditions",
    "Configuration",
    "ConfirmationRules",
    "Container",
    "Conversation",
    "Dataset",
    "Dimension",
    "Engine",
    "Expectation",
    "FieldPath",
    "FlagValue",
    "Frozen",
    "GpuRules",
    "Level",
    "LoadKind",
    "LoadSearchRules",
    "MergeRule",
    "Merged",
    "MisreadError",
    "Model",
    "Mount",
    "Objective",
    "Optimization",
    "ParallelConfig",
    "ParameterSpace",
    "Preset",
    "QuantConfig",
    "Range",
    "Reading",
    "Scenario",
    "Section",
    "SharedPrefix",
    "Shares",
    "Slo",
    "SloTarget",
    "Source",
    "Statistic",
    "StrategyName",
    "Task",
    "Timeouts",
    "Trace",
    "condition_mistakes",
    "dotted",
    "finite_values",
    "is_secret_name",
    "maximised",
    "merge",
    "names_secret_file",
    "objective_metric",
    "parse_task",
    "read_preset",
    "read_task",
    "read_text",
    "referred",
    "share_out",
    "spell",
]
