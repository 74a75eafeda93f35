"""This machine, described once for the record of a run. Only reads, from /proc and the driver."""

import contextlib
import os
import platform
import shutil
import socket
from pathlib import Path

import psutil

from core import __version__
from core.events import GpuDescription, HostDescription, ModelFiles
from core.machine.gpus import Gpu, Gpus


def describe_host(
    gpus: Gpus, model: ModelFiles, executable: str, task_sha256: str
) -> HostDescription:
    """Return what the machine is now; a figure that it does not tell stays out."""
    return HostDescription(
        autotuner=__version__,
        name=socket.gethostname(),
        kernel=platform.release(),
        python=platform.python_version(),
        cpu=cpu_model(),
        cpus=len(os.sched_getaffinity(0)),
        governor=governor(),
        memory_bytes=psutil.virtual_memory().total,
        driver=gpus.driver(),
        gpus=tuple(_described(gpu, gpus) for gpu in gpus.present()),
        model=model,
        executable=program(executable),
        folder=working_folder(),
        task_sha256=task_sha256,
    )


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's model name; its architecture where the kernel tells no name."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.machine()


def governor(folder: Path = Path("/sys/devices/system/cpu")) -> str:
    """Return which governors set the processors' clocks; empty where the kernel does not tell."""
    found: set[str] = set()
    for file in folder.glob("cpu[0-9]*/cpufreq/scaling_governor"):
        with contextlib.suppress(OSError):
            found.add(file.read_text(encoding="utf-8", errors="replace").strip())
    return ", ".join(sorted(found - {""}))


def program(executable: str) -> str:
    """Return the absolute path of a program; as it is named where PATH has none of that name."""
    return shutil.which(executable) or executable


def working_folder() -> str:
    """Return the folder that relative paths start from; empty if it has been removed."""
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def _described(gpu: Gpu, gpus: Gpus) -> GpuDescription:
    limits = gpus.limits(gpu.uuid)
    return GpuDescription(
        index=gpu.index,
        uuid=gpu.uuid,
        name=gpu.name,
        memory_bytes=gpu.memory_bytes,
        sm_clock_mhz=None if gpu.simulated else gpus.sample(gpu.uuid).sm_clock_mhz,
        most_sm_clock_mhz=limits.sm_clock_mhz,
        power_limit_watts=limits.power_watts,
        simulated=gpu.simulated,
    )
