"""SLO-Guard's recorded trials as a problem: 2,880 configurations of vLLM, interpolated.

A configuration's latency is that of the recorded trials nearest to it with the same
`enforce_eager`, which alone decides between a fast and a slow cluster. One whose batches cannot
hold its longest context, and may not be chunked, is refused at the start, as vLLM does. A run of
this program knows that rule of vLLM's, and never launches such a one: `arena()` is played with it,
`unaware()` without, as the published sessions were.
"""

import csv
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np

from core.engines.simulated.workload import Workload
from core.engines.vllm_rules import conflict
from core.task import DEFAULTS, Choices, Configuration, Level, Scenario
from tests.bench.search.problems import Problem
from tests.bench.search.replay import Arena
from tests.bench.search.sessions import strategy_for
from tests.bench.search.tables import FIGURES, Table

TRIALS = 15
"""Experiments of a published session."""
FAST = 1.0
"""Seconds: latencies of the fast cluster end at 0.6, those of the slow one begin at 1.9."""
_NEIGHBOURS = 5
_NOISE = 0.011
"""Deviation of their exact repeats, on the log scale."""

_VALUES: dict[str, tuple[object, ...]] = {
    "max-num-seqs": (4, 8, 16, 32, 64, 128),
    "max-num-batched-tokens": (1024, 2048, 4096, 8192),
    "gpu-memory-utilization": (0.6, 0.68, 0.76, 0.84, 0.92),
    "max-model-len": (1024, 2048, 4096),
    "enforce-eager": (False, True),
    "enable-prefix-caching": (True, False),
    "enable-chunked-prefill": (True, False),
}

PROBLEM = Problem(
    name="sloguard-2880",
    model="Qwen2-1.5B",
    gpu="A100-40GB",
    parameters={name: Choices.model_validate(list(v)) for name, v in _VALUES.items()},
    workloads=(Workload(Level(scenario=Scenario.model_validate("D(100,100)"), concurrency=8), 32),),
    objective="minimize_latency",
    slos=(),
    feasible=1.0,
)


@cache
def arena() -> Arena:
    """Return the recorded problem, with what vLLM is known to refuse left out."""
    known = replace(PROBLEM, allowed=lambda c: conflict(c, None, None))
    return replace(unaware(), problem=known)


@cache
def unaware() -> Arena:
    """Return the recorded problem."""
    return Arena(PROBLEM, _table(), noise=_NOISE / 0.0335)


def fast(arena: Arena, configuration: Configuration) -> bool:
    """Return whether a configuration starts, and is in the fast cluster."""
    row = arena.row(configuration)
    mean = arena.table.metric("e2e_latency_mean")[row, 0]
    return bool(arena.table.measured[row] and mean < FAST)


def fast_trials(arena: Arena, name: str, seed: int) -> int:
    """Return how many trials of a session are in the fast cluster."""
    rng = np.random.default_rng((seed, 77))
    strategy = strategy_for(arena, name, seed, TRIALS)
    experiment, _ = arena.baseline(rng)
    found = 0
    for number in range(1, TRIALS + 1):
        found += fast(arena, experiment.configuration)
        strategy.tell(experiment)
        proposal = strategy.ask()
        assert proposal is not None
        experiment, _ = arena.run(number, proposal.configuration, rng)
    return found


def _table() -> Table:
    with (Path(__file__).parent / "recorded" / "sloguard_trials.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["lat"] and row["enforce_eager"]]
    recorded = np.array([_coordinates(row) for row in rows])
    eager = np.array([row["enforce_eager"] == "True" for row in rows])
    latency = np.log([float(row["lat"]) / 1000.0 for row in rows])
    configurations = [
        Configuration(dict(zip(_VALUES, values, strict=True)))  # type: ignore[arg-type]
        for values in product(*_VALUES.values())
    ]
    configurations.append(DEFAULTS)
    count = len(configurations)
    figures = np.full((count, 1, len(FIGURES)), np.nan)
    measured = np.ones(count, dtype=np.int64)
    for number, configuration in enumerate(configurations):
        flags = {name: values[0] for name, values in _VALUES.items()}
        flags |= {"max-num-seqs": 128, "max-num-batched-tokens": 2048, "max-model-len": 2048}
        flags |= {"gpu-memory-utilization": 0.92, **configuration}
        if not flags["enable-chunked-prefill"] and (
            flags["max-num-batched-tokens"] < flags["max-model-len"]  # type: ignore[operator]
        ):
            measured[number] = 0
            continue
        named = {name.replace("-", "_"): str(value) for name, value in flags.items()}
        squared = ((recorded - _coordinates(named)) ** 2).sum(axis=1)
        squared[eager != flags["enforce-eager"]] = np.inf
        nearest = np.argsort(squared)[:_NEIGHBOURS]
        weights = 1.0 / (squared[nearest] + 0.02)
        seconds = float(np.exp(latency[nearest] @ weights / weights.sum()))
        figures[number, 0] = seconds
        figures[number, 0, FIGURES.index("total_throughput_per_gpu")] = 1.0 / seconds
        figures[number, 0, FIGURES.index("duration")] = 60.0
    start = np.full(count, 60.0)
    return Table(tuple(configurations), measured, start, np.ones(count, dtype=np.int64), figures)


def _coordinates(row: dict[str, str]) -> np.ndarray:
    chunked = {"True": 1.0, "False": 0.0}.get(row["enable_chunked_prefill"], 0.5)
    return np.array(
        [
            np.log2(float(row["max_num_seqs"])) / 5,
            np.log2(float(row["max_num_batched_tokens"])) / 3,
            (float(row["gpu_memory_utilization"]) - 0.6) / 0.35,
            np.log2(float(row["max_model_len"])) / 3,
            float(row["enable_prefix_caching"] == "True"),
            chunked,
        ]
    )
