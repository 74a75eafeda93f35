"""What an ask costs: `python -m tests.bench.search.ask_time [--before FOLDER]`.

Sessions on exactly 20,000 configurations, of three metrics at three load levels, each in a process
of its own. CPU seconds to import the search, to lay it out, of all asks and tells of fifty
experiments, and of one of the eight asks after them. With `--before`, the search in another folder
takes turns with this one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from core.search.aim import Aim
from core.search.bayesian import Bayesian
from core.task import DEFAULTS, Configuration, Slo
from tests.bench.search.problems import PROBLEMS, parameters
from tests.bench.search.replay import Arena, hard
from tests.bench.search.tables import FIGURES, Table, figures_of, gpus_of, space_of

EXPERIMENTS = 50
ASKS = 8
TIMES = ("import", "lay-out", "session", "ask", "slowest ask")
_ROOT = Path(__file__).parents[3]

TWENTY_THOUSAND = replace(
    PROBLEMS[-1],
    name="llama-70b-20000",
    parameters=parameters(
        tp_size=[2, 4],
        quantization=[None, "fp8"],
        kv_cache_dtype=["auto", "fp8_e4m3"],
        max_running_requests=[8, 24, 64, 96, 256],
        mem_fraction_static=[0.8, 0.84, 0.87, 0.92, 0.97],
        chunked_prefill_size=[512, 1024, 2048, 4096, 16384],
        cuda_graph_max_bs=[16, 32, 64, 128, 192],
        enable_mixed_chunk=[None, True],
        attention_backend=[None, "triton"],
    ),
)


class Unbuilt(Arena):
    """The problem without its table, of which a session needs fifty rows."""

    @classmethod
    def new(cls) -> "Unbuilt":
        """Return the problem, nothing of it simulated yet."""
        configurations = (*space_of(TWENTY_THOUSAND).grid(), DEFAULTS)
        count, levels = len(configurations), len(TWENTY_THOUSAND.workloads)
        table = Table(
            configurations,
            np.full(count, -1),
            np.zeros(count),
            np.array([gpus_of(TWENTY_THOUSAND, c) for c in configurations]),
            np.full((count, levels, len(FIGURES)), np.nan),
        )
        return cls(TWENTY_THOUSAND, table)

    @cached_property
    def slo(self) -> Slo:
        """Bounds that a tenth of the configurations hold, about."""
        return hard({"e2e_latency_p90": 32.0, "ttft_p99": 23.0})

    def row(self, configuration: Configuration) -> int:
        """Return the row of a configuration, simulated by then."""
        row = super().row(configuration)
        table = self.table
        if table.measured[row] < 0:
            found = figures_of(self.problem, configuration)
            table.measured[row], table.start[row], table.figures[row] = found
        return row


def played(seed: int) -> dict[str, object]:
    """Play one session; return CPU seconds by what took them, and what was proposed."""
    arena = Unbuilt.new()
    budget = EXPERIMENTS + ASKS
    rng = np.random.default_rng((seed, 77))
    experiment, _ = arena.baseline(rng)
    began = time.process_time()
    aim = Aim(arena.problem.objective, arena.slo)
    search = Bayesian(arena.space, aim, seed=seed, budget=budget)
    laid_out = time.process_time() - began
    took: list[float] = []
    proposed: list[str] = []
    for number in range(1, budget):
        began = time.process_time()
        search.tell(experiment)
        proposal = search.ask()
        took.append(time.process_time() - began)
        assert proposal is not None, "of 20,000 configurations some are always left"
        proposed.append(proposal.configuration.key)
        experiment, _ = arena.run(number, proposal.configuration, rng)
    late = took[-ASKS:]
    times = (_import(), laid_out, sum(took[:-ASKS]), median(late), max(late))
    return {**dict(zip(TIMES, times, strict=True)), "proposed": proposed}


def _import() -> float:
    """Return the CPU seconds that the search takes to import, its bytecode there already."""
    said = "import time, core.task; t = time.process_time()\nimport core.search.bayesian\n"
    command = [sys.executable, "-c", said + "print(time.process_time() - t)"]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        for _ in range(2):
            done = subprocess.run(
                command, env=environment, check=True, stdout=subprocess.PIPE, text=True
            )
    return float(done.stdout)


def main() -> None:
    """Play the sessions, and print the median of every time over seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.seed is not None:
        print(json.dumps(played(asked.seed)))
        return
    folders = [_ROOT] if asked.before is None else [asked.before.resolve(), _ROOT]
    found = [[_of(folder, seed) for folder in folders] for seed in range(asked.seeds)]
    print("| CPU seconds |", *(f"{folder} |" for folder in folders), "ratio |")
    for name in TIMES:
        medians = [median(turn[place][name] for turn in found) for place in range(len(folders))]
        cells = (f"{figure:.3f} |" for figure in medians)
        print(f"| {name} |", *cells, f"{medians[-1] / medians[0]:.2f} |")
    same = sum(turn[0]["proposed"] == turn[-1]["proposed"] for turn in found)
    print(f"the same proposals in {same} of {len(found)} sessions")


def _of(folder: Path, seed: int) -> dict[str, Any]:
    """Play a session with the search of a folder, in a process of its own."""
    command = [sys.executable, __file__, "--seed", str(seed)]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
