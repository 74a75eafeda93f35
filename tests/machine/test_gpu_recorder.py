"""What was seen of GPUs while something was measured."""

import asyncio
import os

import pytest

from core.machine import procfs
from core.machine.gpu_recorder import GpuRecord, GpuRecorder
from core.machine.gpus import GpuSample
from core.machine.nvml import NvmlGpus
from tests.machine.conftest import TWO_BOARDS, State, wait_until


async def seen(recorder: GpuRecorder, count: int) -> None:
    samples = recorder.records
    await asyncio.to_thread(wait_until, lambda: len(samples()[0].samples) >= count, "samples")


async def test_energy_power_and_strangers_are_noticed(gpus: NvmlGpus, state: State) -> None:
    ours = f"{TWO_BOARDS}gpu0.process {os.getpid()} 1024\n"
    state(ours)
    recorder = GpuRecorder(gpus, ["GPU-a"], lambda: {os.getpid()}, interval=0.01)
    async with recorder:
        await seen(recorder, 2)
        assert recorder.records()[0].strangers == ()
        changed = ours.replace("gpu0.energy 1234500", "gpu0.energy 2234500")
        state(f"{changed}gpu0.process 4194303 1048576\n")
        await seen(recorder, len(recorder.records()[0].samples) + 2)
        state(changed)
    (record,) = recorder.records()
    assert record.energy_joules == 1000.0
    assert record.power_watts == 350.5
    assert record.utilization == 0.5
    assert record.throttled_share == 1.0
    assert record.peak_used_bytes == 4 * 2**30
    assert record.strangers == ("PID 4194303, 1 MiB",)


async def test_a_driver_that_hangs_ends_no_record_and_holds_nobody_up(state: State) -> None:
    recorder = GpuRecorder(NvmlGpus(patience=0.2), ["GPU-a"], lambda: set(), interval=0.01)
    async with recorder:
        await seen(recorder, 2)
        state(f"{TWO_BOARDS}hang nvmlDeviceGetUtilizationRates 1\n")
        await seen(recorder, len(recorder.records()[0].samples) + 3)
    (record,) = recorder.records()
    assert record.power_watts == 350.5
    assert record.samples[-1].power_watts is None


async def test_inside_a_container_only_newcomers_are_strangers(
    gpus: NvmlGpus, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(procfs, "sees_whole_machine", lambda: False)
    state(f"{TWO_BOARDS}gpu0.process 4194300 1024\n")
    recorder = GpuRecorder(gpus, ["GPU-a"], lambda: {os.getpid()}, interval=0.01)
    async with recorder:
        await seen(recorder, 2)
        state(f"{TWO_BOARDS}gpu0.process 4194300 1024\ngpu0.process 4194301 1024\n")
        await seen(recorder, len(recorder.records()[0].samples) + 2)
    assert recorder.records()[0].strangers == ("PID 4194301, 0 MiB",)


async def test_whoever_was_there_while_the_driver_did_not_tell_is_no_newcomer(
    gpus: NvmlGpus, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(procfs, "sees_whole_machine", lambda: False)
    there = f"{TWO_BOARDS}gpu0.process 4194300 1024\n"
    silent = "error nvmlDeviceGetComputeRunningProcesses_v3 15\n"
    state(there + silent + silent.replace("v3", "v2"))
    recorder = GpuRecorder(gpus, ["GPU-a"], lambda: {os.getpid()}, interval=0.01)
    async with recorder:
        await seen(recorder, 2)
        state(there)
        await seen(recorder, len(recorder.records()[0].samples) + 2)
    assert recorder.records()[0].strangers == ()


def test_figures_that_were_never_told_stay_unknown() -> None:
    record = GpuRecord("GPU-a", (GpuSample(at=0.0), GpuSample(at=1.0)), ())
    assert record.utilization is None
    assert record.power_watts is None
    assert record.energy_joules is None
    assert record.peak_used_bytes is None
    assert record.throttled_share == 0.0


def test_a_counter_that_was_reset_gives_no_energy() -> None:
    samples = (GpuSample(at=0.0, energy_joules=100.0), GpuSample(at=1.0, energy_joules=3.0))
    assert GpuRecord("GPU-a", samples, ()).energy_joules is None
