"""Whole runs on leased GPUs: real server processes, and the boards of a stand-in NVML library."""

import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from core.engines.resolving import engine_called
from core.events import Event, LevelProgress, Notice, Outcome, Phase
from core.machine.cores import Cores
from core.report import Conclusion, figures, findings
from core.report.handing_on import report
from core.report.manifest import manifest
from core.report.standing import standing
from core.run.facts import cores_of
from core.task import Budget, Task
from tests.machine.conftest import GIB, TWO_BOARDS, State, nvml_library, state
from tests.run.conftest import STUB, Session, stub_task

__all__ = ["nvml_library", "state"]

THREE_BOARDS = f"""\
{TWO_BOARDS.replace("count 2", "count 3")}
gpu2.uuid GPU-c
gpu2.name NVIDIA H100 80GB HBM3
gpu2.total {80 * GIB}
gpu2.used {4 * GIB}
gpu2.reserved {GIB}
gpu2.bus 0000:03:00.0
gpu2.gpu_load 70
gpu2.memory_load 30
gpu2.power 200000
gpu2.sm_clock 1200
gpu2.most_sm_clock 1980
gpu2.power_limit 700000
path 0 1 50
path 1 2 50
path 0 2 10
"""
"""The first and the last sit on one PCIe switch."""
STRANGER = f"gpu0.process 4194303 {GIB}\n"

PROGRAM = f"""\
#!/bin/sh
echo "sees $CUDA_VISIBLE_DEVICES"
grep Cpus_allowed_list /proc/self/status
while [ "$1" != --port ]; do shift; done
exec {sys.executable} {STUB} --port "$2" --batch 4
"""


@pytest.fixture
def pair(tmp_path: Path) -> Task:
    """A task on the stub under the name of vLLM, which asks for two GPUs."""
    program = tmp_path / "vllm"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return stub_task(
        {"max-num-seqs": [8]},
        engine={"command": None, "executable": str(program)},
        optimization={"baseline": False},
    ).model_copy(update={"base_runtime": "vllm"})


def when_measuring(act: Callable[[], None]) -> Callable[[Event], None]:
    """Do it once, as soon as a level is being measured."""
    done = []

    def listen(event: Event) -> None:
        if isinstance(event, LevelProgress) and event.phase is Phase.MEASURING and not done:
            done.append(event)
            act()

    return listen


async def run(session: Session, task: Task, *listeners: Callable[[Event], None]) -> Conclusion:
    arguments = {"tensor-parallel-size": 2}
    engine = task.engine.model_copy(update={"arguments": arguments})
    _, conclusion = await session.run(task.model_copy(update={"engine": engine}), [*listeners])
    return conclusion


async def test_a_pair_is_leased_watched_and_put_on_record(
    session: Session, state: State, pair: Task
) -> None:
    state(THREE_BOARDS)
    conclusion = await run(session, pair)
    (experiment,) = conclusion.experiments
    assert experiment.outcome is Outcome.OK, experiment.failure
    assert experiment.gpus == ("GPU-a", "GPU-c"), "the two with the best link"
    assert "sees GPU-a,GPU-c" in Path(experiment.log).read_text()
    found = manifest(conclusion).hosts[-1]
    assert found.driver == "570.86.15"
    assert [(gpu.uuid, gpu.sm_clock_mhz) for gpu in found.gpus][::2] == [
        ("GPU-a", 1755),
        ("GPU-c", 1200),
    ]
    assert (found.gpus[2].most_sm_clock_mhz, found.gpus[2].power_limit_watts) == (1980, 700.0)
    assert {gpu.name for gpu in found.gpus} == {"NVIDIA H100 80GB HBM3"}
    (measured,) = experiment.sub_rounds
    assert measured.contaminated_by == ()
    assert [use.uuid for use in measured.gpu_use] == ["GPU-a", "GPU-c"]
    assert [use.utilization for use in measured.gpu_use] == pytest.approx([0.5, 0.7])
    assert [use.power for use in measured.gpu_use] == pytest.approx([350.5, 200.0])
    assert all(use.course for use in measured.gpu_use)
    costs = standing(experiment, conclusion.task.task).costs
    assert (costs.gpus, costs.power_watts) == (2, 550.5)
    assert costs.host_memory_bytes is not None
    assert costs.host_memory_bytes > 1 << 20
    assert measured.energy_per_token == pytest.approx(550.5 / measured.output_throughput)
    assert measured.throughput_per_watt == pytest.approx(measured.total_throughput / 550.5)
    known = findings(conclusion)
    assert measured.energy_per_token is not None
    for form in ("txt", "md", "html"):
        text = report(conclusion, known, form)  # type: ignore[arg-type]
        assert f"{figures.number(measured.energy_per_token)} J" in text
        assert f"{figures.number(measured.throughput_per_watt or 0)} tok/s/W" in text
    [row] = csv.DictReader(io.StringIO(report(conclusion, known, "csv")))
    assert float(row["energy_per_token"]) == pytest.approx(measured.energy_per_token)
    assert float(row["throughput_per_watt"]) == pytest.approx(measured.throughput_per_watt)
    told = json.loads(report(conclusion, known, "json"))["findings"]["recommended"]["costs"]
    assert told["joules_per_token"] == pytest.approx(measured.energy_per_token)
    assert told["throughput_per_watt"] == pytest.approx(measured.throughput_per_watt)


async def test_a_level_that_a_stranger_spoiled_is_measured_again(
    session: Session, state: State, pair: Task
) -> None:
    state(THREE_BOARDS)

    def leave(event: Event) -> None:
        if isinstance(event, Notice) and "measured again" in event.text:
            state(THREE_BOARDS)

    conclusion = await run(
        session, pair, when_measuring(lambda: state(THREE_BOARDS + STRANGER)), leave
    )
    (experiment,) = conclusion.experiments
    assert experiment.outcome is Outcome.OK, experiment.failure
    (warning,) = experiment.warnings
    assert "level 1 was measured again: others computed on its GPUs: PID 4194303" in warning
    (measured,) = experiment.sub_rounds
    assert measured.contaminated_by == ()


async def test_a_spoiled_level_stays_so_where_the_budget_has_no_time(
    session: Session, state: State, pair: Task
) -> None:
    state(THREE_BOARDS)
    budget = Budget(gpu_hours=0.0001)
    optimization = pair.optimization.model_copy(update={"budget": budget})
    conclusion = await run(
        session,
        pair.model_copy(update={"optimization": optimization}),
        when_measuring(lambda: state(THREE_BOARDS + STRANGER)),
    )
    (experiment,) = conclusion.experiments
    (warning,) = experiment.warnings
    assert "no time was left to measure level 1 again: others computed on its GPUs" in warning
    assert experiment.sub_rounds[0].contaminated_by


async def test_a_gpu_that_keeps_memory_is_set_aside_for_the_rest_of_the_run(
    session: Session, state: State, pair: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.deploy.gpu_memory._PATIENCE", 0.5)
    state(THREE_BOARDS)
    kept = THREE_BOARDS.replace(f"gpu2.used {4 * GIB}", f"gpu2.used {5 * GIB}")
    task = pair.model_copy(
        update={"optimization": pair.optimization.model_copy(update={"baseline": True})}
    )
    conclusion = await run(session, task, when_measuring(lambda: state(kept)))
    first, second = conclusion.experiments[:2]
    assert first.outcome is Outcome.OK, first.failure
    assert any("left behind: 1024 MiB of GPU-c" in warning for warning in first.warnings)
    assert second.gpus == ("GPU-a", "GPU-b"), "GPU-c is not used again"


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU cannot be parted")
async def test_servers_stay_off_the_cpus_of_the_load(
    session: Session, state: State, pair: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.sched_getaffinity(0)
    first, *_, last = sorted(before)
    cores = Cores(load=frozenset({last}), servers=frozenset({first}))
    monkeypatch.setattr("core.run.facts.parted", lambda _: cores)
    state(THREE_BOARDS)
    workers: list[list[int]] = []

    def look() -> None:
        children = psutil.Process().children(recursive=True)
        loading = [child for child in children if "core.load.worker" in child.cmdline()]
        workers.extend(child.cpu_affinity() for child in loading)

    said: list[Event] = []
    conclusion = await run(session, pair, when_measuring(look), said.append)
    (experiment,) = conclusion.experiments
    assert experiment.outcome is Outcome.OK, experiment.failure
    assert workers == [[last]]
    assert re.search(rf"Cpus_allowed_list:\s*{first}$", Path(experiment.log).read_text(), re.M)
    assert os.sched_getaffinity(0) == before
    assert any(isinstance(e, Notice) and e.text == cores.in_words for e in said)


def test_cpus_are_parted_where_servers_compute_elsewhere_and_are_ours(
    state: State, pair: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    cores = Cores(load=frozenset({15}), servers=frozenset(range(15)))
    monkeypatch.setattr("core.run.facts.parted", lambda _: cores)
    simulated = pair.model_copy(update={"base_runtime": "simulated"})
    contained = pair.model_copy(update={"deployment_mode": "docker"})
    state(THREE_BOARDS)

    def found(task: Task) -> Cores | None:
        engine = engine_called(task.base_runtime)
        assert engine is not None
        return cores_of(task, engine)

    assert found(pair) == cores
    assert found(contained) is None
    assert found(simulated) is None
    state("count 0\n")
    assert found(pair) is None
