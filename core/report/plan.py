"""What a task will come to before anything is launched: how many configurations, and how long.

Pure: a space and what earlier runs took go in, counts and an estimate come out.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from statistics import fmean

from core.engines.engine import Engine, GpuFacts
from core.report import figures
from core.report.experience import Experience
from core.search import Proposal, Space, choose
from core.search.survey import Survey, searched, survey
from core.task import Level, Optimization, Shares, Task, share_out

_STARTS = {"simulated": 25.0, "llamacpp": 15.0, "vllm": 90.0, "sglang": 90.0}
_START = 60.0
"""Seconds that a start takes, where no earlier run tells."""
_STOP = 5.0
"""Seconds that a stop takes; the simulated engine has no GPU memory to give back."""
_TOKEN = 0.025
"""Seconds for each token of an answer, where no earlier run tells."""
_FIRST_TOKEN = 0.5
_WARMUP_SHARE = 0.25
_REQUESTS_PER_STREAM = 4
"""Fewest measured requests for each stream of a load level."""
_PROBES = 8
"""Loads that are tried to find the largest one."""


@dataclass(frozen=True)
class Estimate:
    """How long a run will take, about."""

    experiment: float
    """Seconds for one experiment."""
    total: float
    """Seconds for all launches."""
    gpus: int
    """Most GPUs that are needed at a time."""
    gpu_seconds: float
    basis: str
    """What the figures rest on, in a sentence."""


@dataclass(frozen=True)
class Plan:
    """What a task will come to."""

    survey: Survey
    shares: Shares
    """Launches for searching and for confirming."""
    baseline: bool
    estimate: Estimate

    @property
    def headline(self) -> str:
        """The plan in a phrase: `48 configurations, about 2 h 10 min on 2 GPUs`."""
        distinct, searches = self.survey.distinct, self.shares.searches
        if distinct is None or distinct <= searches:
            what = _counted(searches, "configuration")
        else:
            about = "" if self.survey.whole else "about "
            what = f"{searches:,} of {about}{distinct:,} configurations"
        where = f" on {_counted(self.estimate.gpus, 'GPU')}" if self.estimate.gpus else ""
        return f"{what}, about {figures.duration(self.estimate.total)}{where}"


def plan_of(
    task: Task,
    engine: Engine,
    space: Space,
    experience: Experience | None = None,
    gpus: GpuFacts | None = None,
) -> Plan:
    """Return what the task will come to.

    Args:
        task: with presets and recommendations worked in.
        engine: its engine.
        space: as `core.search.of_task.space_of` returns it.
        experience: what earlier runs took.
        gpus: what servers may get; None where that is not known.

    Raises:
        TaskError: the engine's launch template is wrong.
    """
    found = survey(searched(task.optimization, space))
    shares = share_out(task.optimization, found.distinct)
    return Plan(
        survey=found,
        shares=shares,
        baseline=task.optimization.baseline,
        estimate=_estimate(task, engine, found, shares.launches, experience, gpus),
    )


def first_experiments(task: Task, space: Space, count: int) -> tuple[Proposal, ...]:
    """Return what the search asks for before it has learnt anything, the baseline aside."""
    strategy = choose(task.optimization, space, task.slo)
    asked: Iterator[Proposal | None] = iter(strategy.ask, None)
    wanted = min(count, task.optimization.max_iterations)
    return tuple(p for p in islice(asked, wanted) if p is not None)


def _estimate(
    task: Task,
    engine: Engine,
    found: Survey,
    launches: int,
    experience: Experience | None,
    gpus: GpuFacts | None,
) -> Estimate:
    levels = task.levels()
    if experience is not None:
        start, stop = experience.start, experience.stop
        loaded = experience.level * len(levels)
        basis = str(experience)
    else:
        start, stop = _start_and_stop(task, engine)
        loaded = sum(_level(task, level) for level in levels)
        basis = (
            f"no earlier run of {engine.name} to go by, so taken as {figures.duration(start)} for"
            f" each start and {figures.latency(_TOKEN)} for each token of an answer"
        )
    length = min(start + loaded, task.optimization.timeout_per_iteration) + stop
    needed = [engine.gpus_needed(task, some) for some in found.launchable[:1000]] or [0]
    side_by_side = _side_by_side(task.optimization, max(needed), gpus)
    total, budget = length * launches / side_by_side, task.optimization.budget.time
    if budget is not None and budget < total:
        total, basis = budget, f"{basis}; more than the budget of time, which ends it before"
    return Estimate(
        experiment=length,
        total=total,
        gpus=max(needed) * side_by_side,
        gpu_seconds=total * side_by_side * fmean(needed),
        basis=basis,
    )


def _start_and_stop(task: Task, engine: Engine) -> tuple[float, float]:
    start = _STARTS.get(engine.name, _START)
    if engine.name != "simulated":
        return start, _STOP
    speed = task.engine.arguments.get("start-speed")
    return start / speed if isinstance(speed, int | float) and speed > 0 else start, 0.5


def _side_by_side(optimization: Optimization, needed: int, gpus: GpuFacts | None) -> int:
    """Return how many experiments are made at a time."""
    asked = optimization.max_parallel_experiments
    if gpus is None or not needed:
        return asked if isinstance(asked, int) else 1
    room = max(1, gpus.count // needed)
    return min(asked, room) if isinstance(asked, int) else room


def _level(task: Task, level: Level) -> float:
    """Return about how long a load level takes, in seconds, its warm-up included."""
    streams = level.concurrency or 1
    requests = max(task.benchmark.max_requests_per_iteration, _REQUESTS_PER_STREAM * streams)
    tokens = level.scenario.output
    answer = tokens[0] if level.scenario.shape == "N" else fmean(tokens)
    one = _FIRST_TOKEN + answer * _TOKEN
    if level.request_rate:
        measuring = requests / level.request_rate
    elif level.trace_speed:
        measuring = task.level_time_limit
    else:
        measuring = math.ceil(requests / streams) * one
    measuring = min(measuring, task.level_time_limit)
    probes = 1 if level.largest is None else _PROBES
    return probes * (measuring + max(one, measuring * _WARMUP_SHARE))


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
