"""From a task to how its levels are measured. Pure."""

from dataclasses import dataclass

from core.engines.engine import RequestShape
from core.load.capacity import CapacityPlan
from core.load.plan import LevelPlan, Target
from core.task import Benchmark, Level, Task

REQUESTS_PER_STREAM = 4
"""Fewest requests at a level for each that is in flight: fewer would be ramp-up and drain alone."""

SEARCH_SHARE = 0.7
"""Share of a level's part of an experiment's time after which a search begins no further probe: the
server has to start, too, and the last probe to end."""


@dataclass(frozen=True)
class PlanTerms:
    """What a plan needs beside the task and the level."""

    index: int
    """Position of the level among the task's."""
    seed: int
    deciding: str
    """The metric that the task's objective is about."""
    gpus: int = 1
    """GPUs that the server has; 0 counts as 1."""


def load_target(
    benchmark: Benchmark,
    base_url: str,
    model: str,
    shape: RequestShape,
    *,
    verify_tls: bool = True,
    server_key: str | None = None,
) -> Target:
    """Return a server as a benchmark asks it.

    Args:
        shape: how the engine is asked for an answer of a fixed length.
        server_key: the API key that it was launched with.
    """
    return Target(
        base_url=base_url,
        model=model,
        endpoint=benchmark.endpoint,
        length_fields=shape.length_fields,
        extras={**shape.extras, **benchmark.additional_params},
        api_key_variable=benchmark.api_key_variable,
        server_key=server_key,
        verify_tls=verify_tls,
    )


def level_plan(task: Task, level: Level, terms: PlanTerms) -> LevelPlan:
    """Return how a level of a task is measured."""
    benchmark = task.benchmark
    fewest = REQUESTS_PER_STREAM * (level.concurrency or 1)
    requests = max(benchmark.max_requests_per_iteration, fewest)
    return LevelPlan(
        index=terms.index,
        level=level,
        requests=requests,
        max_seconds=task.level_time_limit,
        warmup_seconds=task.timeouts.warmup,
        request_timeout=task.timeouts.request,
        seed=terms.seed,
        thresholds=thresholds(task),
        gpus=max(1, terms.gpus),
        gpu_hour_price=benchmark.gpu_hour_price,
        max_error_rate=benchmark.max_error_rate,
        precision=benchmark.precision,
        deciding=terms.deciding,
        settle_slos=benchmark.precision is not None and bool(task.slo.targets()),
        most_requests=benchmark.extend_requests_to,
        arrivals=benchmark.arrivals,
        trace=benchmark.trace.source if level.trace_speed and benchmark.trace else None,
        shared_prefix=benchmark.shared_prefix,
        dataset=benchmark.dataset(),
        conversation=benchmark.conversation,
    )


def capacity_plan(
    task: Task, level: Level, terms: PlanTerms, *, incumbent: float | None = None
) -> CapacityPlan:
    """Return how the largest load of a task's level is searched.

    Args:
        level: one with `largest`.
        incumbent: the largest load that the best configuration so far holds at this level.
    """
    rules = task.benchmark.load_search
    closed = rules.over == "concurrency"
    probe = Level(
        scenario=level.scenario,
        concurrency=max(1, round(rules.first)) if closed else None,
        request_rate=None if closed else rules.first,
    )
    return CapacityPlan(
        scenario=level.scenario,
        rules=rules,
        incumbent=incumbent,
        requests_per_stream=REQUESTS_PER_STREAM,
        max_seconds=SEARCH_SHARE * task.optimization.timeout_per_iteration / len(task.levels()),
        level=level_plan(task, probe, terms),
    )


def thresholds(task: Task) -> dict[str, float]:
    """Return the bounds of a task's SLOs, in seconds by metric."""
    return {name: target.threshold for name, target in task.slo.targets().items()}
