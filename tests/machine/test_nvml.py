"""NVML through the real binding, against a library that says what the test wants it to."""

import ctypes
import os
import subprocess
import sys
import threading
from pathlib import Path

import pynvml
import pytest

from core.errors import HostError
from core.machine import procfs
from core.machine.gpus import GpuMemory, GpuSample, Link, PciePath
from core.machine.nvml import SILENT, NvmlGpus
from core.run.allocation import Allocation
from core.store import Store
from core.task import GpuRules
from tests.machine.conftest import TWO_BOARDS, State, wait_until

ROOT = Path(__file__).parents[2]
GIB = 2**30
BRIDGED = """\
gpu0.lane0 0000:02:00.0
gpu0.lane3 0000:02:00.0
gpu0.lane4 0000:09:00.0
"""
SWITCHED = """\
gpu0.lane0 0000:aa:00.0
gpu0.lane1 0000:ab:00.0
gpu0.lane7 0000:aa:00.0
"""


def test_boards_are_listed_with_their_memory(gpus: NvmlGpus) -> None:
    assert gpus.problem() is None
    first, second = gpus.present()
    assert (first.index, first.uuid, first.board) == (0, "GPU-a", "GPU-a")
    assert first.name == "NVIDIA H100 80GB HBM3"
    assert first.memory_bytes == 80 * GIB
    assert (second.index, second.uuid) == (1, "GPU-b")
    assert not first.is_slice
    assert not first.simulated


def test_what_the_driver_reserves_is_neither_used_nor_free(gpus: NvmlGpus, state: State) -> None:
    assert gpus.memory("GPU-a") == GpuMemory(80 * GIB, 4 * GIB, 75 * GIB)
    state(TWO_BOARDS + "error nvmlDeviceGetMemoryInfo_v2 13\n")
    assert gpus.memory("GPU-a") == GpuMemory(80 * GIB, 5 * GIB, 75 * GIB)
    assert gpus.memory("GPU-unknown") is None


def test_a_sample_has_every_figure_in_its_unit(gpus: NvmlGpus) -> None:
    sample = gpus.sample("GPU-a")
    assert sample == GpuSample(
        at=sample.at,
        utilization=0.5,
        memory_utilization=0.2,
        used_bytes=4 * GIB,
        power_watts=350.5,
        energy_joules=1234.5,
        temperature=61,
        sm_clock_mhz=1755,
        memory_clock_mhz=2619,
        throttled_by=("power cap", "software thermal slowdown"),
        pcie_received=1000 * 1024,
        pcie_sent=1000 * 1024,
    )


def test_a_figure_that_a_board_lacks_is_none_and_costs_no_other(gpus: NvmlGpus) -> None:
    sample = gpus.sample("GPU-b")
    assert sample == GpuSample(at=sample.at, used_bytes=0)


@pytest.mark.parametrize(
    ("function", "figure"),
    [
        ("nvmlDeviceGetUtilizationRates", "utilization"),
        ("nvmlDeviceGetPowerUsage", "power_watts"),
        ("nvmlDeviceGetTotalEnergyConsumption", "energy_joules"),
        ("nvmlDeviceGetTemperature", "temperature"),
        ("nvmlDeviceGetClockInfo", "sm_clock_mhz"),
        ("nvmlDeviceGetPcieThroughput", "pcie_sent"),
    ],
)
@pytest.mark.parametrize("code", [2, 3, 4, 13, 15, 999])
def test_any_error_of_any_figure_is_survived(
    gpus: NvmlGpus, state: State, function: str, figure: str, code: int
) -> None:
    state(f"{TWO_BOARDS}error {function} {code}\n")
    sample = gpus.sample("GPU-a")
    assert getattr(sample, figure) is None
    assert sample.used_bytes == 4 * GIB


def test_older_drivers_have_the_same_under_other_names(gpus: NvmlGpus, state: State) -> None:
    state(
        f"{TWO_BOARDS}gpu0.process {os.getpid()} 1024\n"
        "error nvmlDeviceGetCurrentClocksEventReasons 13\n"
        "error nvmlDeviceGetComputeRunningProcesses_v3 13\n"
    )
    assert gpus.sample("GPU-a").throttled_by == ("power cap", "software thermal slowdown")
    (process,) = gpus.processes("GPU-a") or ()
    assert process.pid == os.getpid()


def test_processes_come_with_their_command_lines(gpus: NvmlGpus, state: State) -> None:
    gone = 2**22 - 1
    state(
        f"{TWO_BOARDS}gpu0.process {os.getpid()} {GIB}\ngpu0.process {gone} 1\n"
        f"gpu0.drawing {os.getppid()} 7\ngpu0.drawing {gone} 7\n"
    )
    ours, lost, desktop = gpus.processes("GPU-a") or ()
    assert ours.used_bytes == GIB
    assert ours.description is not None
    assert ours.description.identity.pid == os.getpid()
    assert "python" in ours.description.command[0]
    assert lost.description is None
    assert not lost.graphics
    assert desktop.graphics
    assert gpus.processes("GPU-b") == ()
    assert gpus.processes("GPU-unknown") is None


def test_inside_a_container_no_process_is_taken_for_another(
    gpus: NvmlGpus, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    state(f"{TWO_BOARDS}gpu0.process {os.getpid()} {GIB}\n")
    monkeypatch.setattr(procfs, "sees_whole_machine", lambda: False)
    (process,) = gpus.processes("GPU-a") or ()
    assert process.description is None


def test_a_board_that_fell_off_the_bus_leaves_the_others(gpus: NvmlGpus, state: State) -> None:
    state(TWO_BOARDS + "gpu0.lost 1\n")
    assert [gpu.uuid for gpu in gpus.present()] == ["GPU-b"]
    assert gpus.memory("GPU-a") is None
    assert gpus.processes("GPU-a") is None
    assert gpus.memory("GPU-b") is not None
    assert gpus.problem() is None


def test_a_driver_that_is_replaced_is_found_again(gpus: NvmlGpus, state: State) -> None:
    assert len(gpus.present()) == 2
    state(TWO_BOARDS + "error nvmlDeviceGetCount 1\ninit_error 9\n")
    assert gpus.present() == ()
    assert gpus.problem() == "no NVIDIA driver: its kernel module is not loaded"
    state("init_error 18\n")
    assert "updated under the running one" in (gpus.problem() or "")
    state(TWO_BOARDS)
    assert gpus.problem() is None
    assert len(gpus.present()) == 2


def test_a_divided_board_is_its_slices(gpus: NvmlGpus, state: State) -> None:
    state(
        TWO_BOARDS + "gpu0.mig 1\ngpu1.mig 0\n"
        f"gpu0.slice0.uuid MIG-x\ngpu0.slice0.name H100 MIG 1g.10gb\ngpu0.slice0.total {10 * GIB}\n"
        f"gpu0.slice3.uuid MIG-y\ngpu0.slice3.name H100 MIG 1g.10gb\ngpu0.slice3.total {10 * GIB}\n"
    )
    first, second, whole = gpus.present()
    assert (first.uuid, second.uuid, whole.uuid) == ("MIG-x", "MIG-y", "GPU-b")
    assert first.is_slice
    assert (first.index, first.board, first.memory_bytes) == (0, "GPU-a", 10 * GIB)
    assert gpus.sample("MIG-x").power_watts is None


@pytest.mark.parametrize(
    ("lines", "link"),
    [
        ("path 0 1 10\n", Link(0, PciePath.SWITCH)),
        ("path 0 1 50\n", Link(0, PciePath.SYSTEM)),
        ("error nvmlDeviceGetTopologyCommonAncestor 3\n", Link(0, PciePath.UNKNOWN)),
        (f"path 0 1 30\np2p 0 1 0\n{BRIDGED}", Link(2, PciePath.HOST_BRIDGE)),
        (f"path 0 1 50\np2p 0 1 0\n{SWITCHED}", Link(3, PciePath.SYSTEM)),
    ],
    ids=["one switch", "two sockets", "not told", "bridged", "through NVSwitch"],
)
def test_links_are_read_from_the_topology(
    gpus: NvmlGpus, state: State, lines: str, link: Link
) -> None:
    state(TWO_BOARDS + lines)
    assert gpus.link("GPU-a", "GPU-b") == link
    assert gpus.link("GPU-a", "GPU-unknown") == Link()


def test_without_a_driver_there_is_one_calm_sentence_and_no_gpu() -> None:
    code = "from core.machine.nvml import NvmlGpus; gpus = NvmlGpus(); print(gpus.problem())\n"
    code += "assert gpus.present() == () and gpus.sample('x').power_watts is None"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, cwd=ROOT
    )
    if done.stdout.strip() == "None":
        pytest.skip("this machine has an NVIDIA driver")
    assert done.stdout.startswith("no NVIDIA driver")
    assert len(done.stdout.splitlines()) == 1


def test_the_stand_in_speaks_the_structures_of_the_binding() -> None:
    assert ctypes.sizeof(pynvml.c_nvmlMemory_v2_t) == pynvml.nvmlMemory_v2 & 0xFFFFFF


HANGING = f"{TWO_BOARDS}hang nvmlDeviceGetPowerUsage 1\n"


def test_a_call_that_hangs_in_the_driver_is_waited_for_once(state: State) -> None:
    gpus = NvmlGpus(patience=0.2)
    state(HANGING)
    began = threading.active_count()
    sample = gpus.sample("GPU-a")
    assert (sample.utilization, sample.power_watts) == (0.5, None)
    assert gpus.problem() == SILENT
    for _ in range(1000):  # nobody waits as long as it hangs
        assert gpus.memory("GPU-a") is None
    assert NvmlGpus().present() == ()
    assert threading.active_count() <= began + 1
    state(TWO_BOARDS)
    wait_until(lambda: gpus.problem() is None, "the driver to come back")
    assert gpus.sample("GPU-a").power_watts == 350.5


async def test_no_run_begins_without_gpus_because_the_driver_hangs(
    state: State, tmp_path: Path
) -> None:
    state(f"{TWO_BOARDS}hang nvmlDeviceGetCount 1\n")
    async with Store.open(tmp_path / "store.sqlite") as store:
        allocation = Allocation(NvmlGpus(patience=0.2), store, GpuRules(), 0)
        with pytest.raises(HostError, match="does not answer"):
            async with allocation.leased(1, lambda why: None):
                pass


def test_a_driver_that_hangs_keeps_no_process_from_its_end(
    nvml_library: Path, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text(HANGING)
    code = "import ctypes, sys; ctypes.CDLL(sys.argv[1])\n"
    code += "from core.machine.nvml import NvmlGpus; print(NvmlGpus(0.2).sample('GPU-a'))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(nvml_library)],
        cwd=ROOT,
        env={**os.environ, "FAKE_NVML_STATE": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "power_watts=None" in done.stdout
    assert done.returncode == 0
