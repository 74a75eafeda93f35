"""What is said of a run: the typed events and results that every room speaks in. Pure."""

from core.events.experiments import Experiment, Failure, FailureKind, Origin, Outcome, Phase
from core.events.host import GpuDescription, HostDescription, ModelFiles
from core.events.measures import (
    ClientFloor,
    ClientHealth,
    Distribution,
    GpuUse,
    Interval,
    RequestCounts,
    SubRound,
    TimeSeries,
)
from core.events.occurrences import (
    Event,
    ExperimentJudged,
    ExperimentQueued,
    HostDescribed,
    LevelMeasured,
    LevelProgress,
    Notice,
    PhaseBegan,
    RunBegan,
    RunEnded,
    SearchAdvanced,
    ServerLaunched,
    decode,
    encode,
)
from core.events.processes import ProcessIdentity
from core.events.run_state import RunState
from core.events.verdicts import SloVerdict, Verdict

__all__ = [
    "ClientFloor",
    "ClientHealth",
    "Distribution",
    "Event",
    "Experiment",
    "ExperimentJudged",
    "ExperimentQueued",
    "Failure",
    "FailureKind",
    "GpuDescription",
    "GpuUse",
    "HostDescribed",
    "HostDescription",
    "Interval",
    "LevelMeasured",
    "LevelProgress",
    "ModelFiles",
    "Notice",
    "Origin",
    "Outcome",
    "Phase",
    "PhaseBegan",
    "ProcessIdentity",
    "RequestCounts",
    "RunBegan",
    "RunEnded",
    "RunState",
    "SearchAdvanced",
    "ServerLaunched",
    "SloVerdict",
    "SubRound",
    "TimeSeries",
    "Verdict",
    "decode",
    "encode",
]
