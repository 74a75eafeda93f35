"""What every configuration of a problem would measure: built once, without noise, kept on disk.

A table is as old as the simulated engine's model: it is found again by the figures that a few
configurations give, so that a change of the model builds it anew and a change of its wording not.
"""

import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.engines.catalogue import Catalogue
from core.engines.in_force import InForce, compared, plain_arguments
from core.engines.simulated.machines import MODELS
from core.engines.simulated.simulation import LevelResult, Simulation, simulate
from core.events import ServerAccount
from core.search import Space
from core.task import DEFAULTS, Configuration
from tests.bench.search.problems import Problem

LATENCIES = ("ttft", "tpot", "e2e_latency")
STATISTICS = ("mean", "p50", "p90", "p99")
FIGURES = (
    *(f"{latency}_{statistic}" for latency in LATENCIES for statistic in STATISTICS),
    "total_throughput_per_gpu",
    "duration",
)
"""What is known of a load level, in this order."""

_PROBES = 12
_STOP = 5.0
"""Seconds to take a server down."""


@dataclass(frozen=True)
class Table:
    """The true figures of every configuration. The baseline is the last row."""

    configurations: tuple[Configuration, ...]
    measured: npt.NDArray[np.int64]
    """Levels measured to the end; fewer than there are where the server died."""
    start: npt.NDArray[np.float64]
    """Seconds from launch until ready or dead, and for taking it down."""
    gpus: npt.NDArray[np.int64]
    figures: npt.NDArray[np.float64]
    """By configuration, level and figure; NaN where the server was dead."""

    def metric(self, name: str) -> npt.NDArray[np.float64]:
        """Return one figure, by configuration and level."""
        chosen: npt.NDArray[np.float64] = self.figures[:, :, FIGURES.index(name)]
        return chosen


def space_of(problem: Problem) -> Space:
    """Return the problem's space. A command line is spelled by what is set."""

    def command_line(configuration: Configuration) -> str:
        flags = {**problem.fixed, **configuration}
        written = {
            name: value for name, value in flags.items() if value is not None and value is not False
        }
        return Configuration(written).key

    defaults = {
        "page-size": 1, "kv-cache-dtype": "auto", "schedule-policy": "fcfs",
        "schedule-conservativeness": 1.0, "tp-size": 1, "dp-size": 1, **problem.fixed,
    }  # fmt: skip
    return Space.of(problem.parameters, command_line, defaults, problem.allowed)


def table_of(problem: Problem) -> Table:
    """Return the table of a problem, from the disk where it is there."""
    configurations = (*space_of(problem).grid(spread=99), DEFAULTS)
    path = cache_folder() / f"{problem.name}-{_fingerprint(problem, configurations)}.npz"
    if not path.exists():
        _build(problem, configurations, path)
    with np.load(path) as kept:
        return Table(configurations, kept["measured"], kept["start"], kept["gpus"], kept["figures"])


def account_of(problem: Problem) -> ServerAccount:
    """Return what the server says of its defaults; of recorded trials nothing is known."""
    if problem.model not in MODELS:
        return ServerAccount()
    played = simulate(problem.fixed, (), model=problem.model, gpu=problem.gpu)
    told = InForce(arguments=plain_arguments(played.in_force))
    catalogue = Catalogue.shipped("simulated")
    return ServerAccount(arguments=compared(problem.fixed, problem.parameters, told, catalogue))


def cache_folder() -> Path:
    """Return where tables and sessions are kept."""
    base = os.environ.get("AUTOTUNER_BENCH_CACHE")
    folder = Path(base) if base else Path(tempfile.gettempdir()) / "autotuner-bench-search"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _fingerprint(problem: Problem, configurations: tuple[Configuration, ...]) -> str:
    step = max(1, len(configurations) // _PROBES)
    played = (problem.model, problem.gpu, problem.fixed, problem.parameters, problem.workloads)
    digest = hashlib.sha256(repr(played).encode())
    for configuration in configurations[::step]:
        levels, start, figures = figures_of(problem, configuration)
        digest.update(repr((levels, round(start, 6), np.round(figures, 9).tolist())).encode())
    return digest.hexdigest()[:16]


def _build(problem: Problem, configurations: tuple[Configuration, ...], path: Path) -> None:
    count, levels = len(configurations), len(problem.workloads)
    measured = np.zeros(count, dtype=np.int64)
    start = np.zeros(count)
    figures = np.full((count, levels, len(FIGURES)), np.nan)
    gpus = np.array([gpus_of(problem, c) for c in configurations])
    for row, configuration in enumerate(configurations):
        measured[row], start[row], figures[row] = figures_of(problem, configuration)
        if row % 500 == 499 and sys.stderr.isatty():
            print(f"{problem.name}: {row + 1} of {count}", file=sys.stderr)
    partial = path.with_suffix(f".{os.getpid()}.npz")
    np.savez_compressed(partial, measured=measured, start=start, gpus=gpus, figures=figures)
    partial.replace(path)


def figures_of(
    problem: Problem, configuration: Configuration
) -> tuple[int, float, npt.NDArray[np.float64]]:
    """Return the levels that are measured to the end, the seconds that starting takes, figures."""
    played: Simulation = simulate(
        {**problem.fixed, **configuration, "noise": 0},
        problem.workloads,
        model=problem.model,
        gpu=problem.gpu,
    )
    figures = np.full((len(problem.workloads), len(FIGURES)), np.nan)
    for index, level in enumerate(played.levels):
        figures[index] = _level_figures(level, gpus_of(problem, configuration))
    return len(played.levels), played.start_seconds + _STOP, figures


def _level_figures(level: LevelResult, gpus: int) -> list[float]:
    figures: list[float] = []
    for latency in LATENCIES:
        values = np.asarray(getattr(level, latency))
        figures.append(float(values.mean()))
        figures += [float(np.quantile(values, share)) for share in (0.5, 0.9, 0.99)]
    return [*figures, level.total_throughput / gpus, level.duration]


def gpus_of(problem: Problem, configuration: Configuration) -> int:
    """Return how many GPUs a launch takes."""
    flags = {**problem.fixed, **configuration}
    return int(flags.get("tp-size") or 1) * int(flags.get("dp-size") or 1)
