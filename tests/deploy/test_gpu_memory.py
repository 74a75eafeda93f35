"""GPU memory that does not come back is named, with whoever holds it."""

import asyncio
import os
from pathlib import Path

import pytest

from core.deploy import LocalServer, gpu_memory
from core.deploy.gpu_memory import GpuMemoryCheck
from core.engines.engine import Command
from core.machine.nvml import NvmlGpus
from core.machine.ports import reserve_port
from tests.machine.conftest import GIB, TWO_BOARDS, State, nasty

LEAKY = TWO_BOARDS.replace(f"gpu0.used {4 * GIB}", f"gpu0.used {30 * GIB}")


async def test_memory_that_comes_back_late_is_waited_for(gpus: NvmlGpus, state: State) -> None:
    check = GpuMemoryCheck(gpus, ["GPU-a", "GPU-b"])
    await check.remember()
    state(LEAKY)
    looking = asyncio.create_task(check.remains())
    await asyncio.sleep(0.3)
    assert not looking.done()
    state(TWO_BOARDS)
    assert await looking == []


async def test_memory_that_stays_is_named(
    gpus: NvmlGpus, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_memory, "_PATIENCE", 0.1)
    check = GpuMemoryCheck(gpus, ["GPU-a", "GPU-b"])
    await check.remember()
    state(f"{LEAKY}gpu0.process {os.getpid()} {26 * GIB}\n")
    (left,) = await check.remains()
    assert (left.what, left.gpu) == ("gpu_memory", "GPU-a")
    assert left.text.startswith(f"{26 * 1024} MiB of GPU-a, held by PID {os.getpid()} (")


async def test_a_gpu_that_tells_nothing_is_no_leak(gpus: NvmlGpus, state: State) -> None:
    check = GpuMemoryCheck(gpus, ["GPU-a"])
    await check.remember()
    state(LEAKY + "gpu0.lost 1\n")
    assert await check.remains() == []


async def test_a_stopped_server_answers_for_its_gpus(
    gpus: NvmlGpus, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_memory, "_PATIENCE", 0.1)
    server = LocalServer(
        Command(argv=nasty()),
        port=reserve_port(),
        log=tmp_path / "log",
        marker="run-1/0",
        gpus=["GPU-a"],
        driver=gpus,
    )
    await server.start()
    state(LEAKY)
    report = await server.stop()
    assert not report.clean
    assert [left.gpu for left in report.remains] == ["GPU-a"]
