"""A machine with GPUs that work and processes that listen, the same at every time."""

import math
import time
from collections.abc import Iterator

from core.events import ProcessIdentity
from core.machine.census import Group
from core.machine.gpus import Gpu, GpuMemory, GpuProcess, GpuSample
from core.machine.identity import ProcessDescription
from core.machine.ports import Listening
from tests.tui import runs
from tui.gpu_watch import GpusSeen, GpuState
from tui.process_rows import Launch

_GIB = 1 << 30


def _process(pid: int, command: str, gib: float, parent: int = 1) -> ProcessDescription:
    return ProcessDescription(
        identity=ProcessIdentity(pid=pid, start_ticks=pid, boot_id="boot"),
        command=tuple(command.split()),
        name=command.split()[0],
        owner="me",
        uid=1000,
        parent=parent,
        age=754.0,
        resident_bytes=int(gib * _GIB),
        kernel_thread=False,
    )


SERVER = _process(
    41_200, "python3 -m sglang.launch_server --port 30000 --api-key sk-1234567890", 3.5
)
STRANGER = _process(977, "ollama serve", 0.4)


def gpus_over_time() -> Iterator[GpusSeen]:
    """Two minutes of four GPUs: one measures, one is somebody else's, one is hot, one is idle."""
    for moment in range(60):
        yield GpusSeen(None, tuple(_gpu(index, moment) for index in range(4)), time.time())


def _gpu(index: int, moment: int) -> GpuState:
    load = (0.55 + 0.4 * math.sin(moment / 4), 0.3, 1.0, 0.0)[index]
    used = (71, 18, 79, 0)[index] * _GIB
    uuid = f"GPU-{index}f3c0d9e-aaaa"
    busy = {0: SERVER, 1: STRANGER}.get(index)
    return GpuState(
        gpu=Gpu(index, uuid, "NVIDIA H100 80GB HBM3", 80 * _GIB, uuid),
        sample=GpuSample(
            at=float(moment),
            utilization=load,
            used_bytes=used,
            power_watts=90.0 + 600 * load,
            temperature=38.0 + 45 * load,
            sm_clock_mhz=1980 if index != 2 else 1410,
            memory_clock_mhz=2619,
            throttled_by=("heat",) if index == 2 else (),
        ),
        memory=GpuMemory(80 * _GIB, used, 80 * _GIB - used),
        processes=(GpuProcess(busy.identity.pid, used, busy),) if busy is not None else (),
    )


GUARDIAN = ProcessIdentity(pid=41_190, start_ticks=41_190, boot_id="boot")
GONE = ProcessIdentity(pid=39_000, start_ticks=39_000, boot_id="boot")
LAUNCHES = {GUARDIAN: Launch(runs.CUT_ID, 4, "rag-long-context#2, experiment 4", "/home/me/4.log")}
GROUPS = (
    Group(
        "ours",
        "3/4",
        GUARDIAN,
        (SERVER, _process(41_215, "sglang::scheduler", 21.0, 41_200)),
        (Listening(30_000, loopback=True, process=SERVER.identity),),
    ),
    Group("leftover", "3/2", GONE, (_process(39_010, "vllm serve Qwen/Qwen3-32B", 6.0),), ()),
    Group("foreign", "", None, (STRANGER,), (Listening(11_434, loopback=False, process=None),)),
)
"""A server of ours, what is left of another, and somebody else's that the network can reach."""

LOG = "\n".join(
    [
        "[2026-01-05 10:00:00] server_args=ServerArgs(model_path='Qwen/Qwen3-32B', tp_size=2)",
        *(
            f"[2026-01-05 10:00:{second:02}] Decode batch. #running-req: {second}"
            for second in range(1, 12)
        ),
        "[2026-01-05 10:00:12] WARNING: KV cache pool is full. Retract requests.",
        "[2026-01-05 10:00:13] torch.OutOfMemoryError: CUDA out of memory. Tried 8.00 GiB",
        "[2026-01-05 10:00:13] Killed",
        "",
    ]
)
