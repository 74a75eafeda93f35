"""NVIDIA's GPUs, through NVML (`pynvml`) and nothing else.

Any call may fail at any time: a figure that this board lacks, a board that fell off the bus, a
driver that is replaced under us. So each figure is asked for by itself and a failure costs that
figure alone; after a failure of the whole library the next call starts it anew. A call that hangs
in the driver costs its patience once: until it comes back, no figure is known.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pynvml

from core.machine import identity, procfs
from core.machine.gpus import Gpu, GpuLimits, GpuMemory, GpuProcess, GpuSample, Link, PciePath
from core.machine.patience import OverdueError, PatientCaller

_T = TypeVar("_T")

PATIENCE = 10.0
"""Seconds for one call. Most take a millisecond, the slowest known ones about a second."""
INIT_PATIENCE = 60.0
"""Seconds to start the library: without the persistence daemon it wakes every board."""
SILENT = (
    "the NVIDIA driver does not answer: a call to it hangs; `dmesg` may tell which GPU is to blame"
)

_CALLER = PatientCaller()
"""One for the process, as the library is."""

_OF_THE_LIBRARY = {
    pynvml.NVML_ERROR_UNINITIALIZED,
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
}
"""Failures that concern all boards. A lost board is not among them: the others go on."""

_PROBLEMS = {
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: "no NVIDIA driver: this machine has no libnvidia-ml.so.1",
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: "no NVIDIA driver: its kernel module is not loaded",
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: (
        "the NVIDIA driver was updated under the running one: reload its kernel module, or reboot"
    ),
    pynvml.NVML_ERROR_NO_PERMISSION: "no NVIDIA driver for this user: it may not open /dev/nvidia*",
}

_SLOWED_BY = {
    pynvml.nvmlClocksEventReasonSwPowerCap: "power cap",
    pynvml.nvmlClocksEventReasonHwSlowdown: "hardware slowdown",
    pynvml.nvmlClocksEventReasonSyncBoost: "sync boost",
    pynvml.nvmlClocksEventReasonSwThermalSlowdown: "software thermal slowdown",
    pynvml.nvmlClocksEventReasonHwThermalSlowdown: "hardware thermal slowdown",
    pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown: "power brake",
}

_PATHS = {
    pynvml.NVML_TOPOLOGY_INTERNAL: PciePath.BOARD,
    pynvml.NVML_TOPOLOGY_SINGLE: PciePath.SWITCH,
    pynvml.NVML_TOPOLOGY_MULTIPLE: PciePath.SWITCHES,
    pynvml.NVML_TOPOLOGY_HOSTBRIDGE: PciePath.HOST_BRIDGE,
    pynvml.NVML_TOPOLOGY_NODE: PciePath.NODE,
    pynvml.NVML_TOPOLOGY_SYSTEM: PciePath.SYSTEM,
}


class NvmlGpus:
    """`core.machine.gpus.Gpus` as the driver sees them. May be used from several threads."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._lock = threading.RLock()
        self._running = False

    def problem(self) -> str | None:
        """Return why GPUs cannot be seen, in one calm sentence; None if they can."""
        try:
            self._run()
        except OverdueError:
            return SILENT
        except pynvml.NVMLError as error:
            return _PROBLEMS.get(_code(error), f"the NVIDIA driver does not answer: {error}")
        return SILENT if _CALLER.overdue else None

    def present(self) -> tuple[Gpu, ...]:
        """Return every GPU that can be leased; a board in MIG mode is represented by its slices."""
        found: list[Gpu] = []
        for index in range(self._ask(pynvml.nvmlDeviceGetCount) or 0):
            board = self._ask(pynvml.nvmlDeviceGetHandleByIndex, index)
            uuid = None if board is None else self._ask(pynvml.nvmlDeviceGetUUID, board)
            if uuid is None:
                continue
            slices = self._slices(board)
            handles = [board] if slices is None else slices
            found += [gpu for handle in handles if (gpu := self._gpu(index, handle, uuid))]
        return tuple(found)

    def driver(self) -> str:
        """Return the driver's version; empty where there is none."""
        return str(self._ask(pynvml.nvmlSystemGetDriverVersion) or "")

    def limits(self, uuid: str) -> GpuLimits:
        """Return what a GPU may do at most."""
        handle = self._handle(uuid)
        if handle is None:
            return GpuLimits()
        power = self._ask(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)
        return GpuLimits(
            sm_clock_mhz=self._ask(pynvml.nvmlDeviceGetMaxClockInfo, handle, pynvml.NVML_CLOCK_SM),
            power_watts=None if power is None else power / 1000,
        )

    def memory(self, uuid: str) -> GpuMemory | None:
        """Return the memory of a GPU, None if it does not tell."""
        return self._memory(self._handle(uuid))

    def sample(self, uuid: str) -> GpuSample:
        """Return what a GPU does now. PCIe traffic is measured over 20 ms, twice."""
        handle = self._handle(uuid)
        if handle is None:
            return GpuSample(at=time.time())
        memory = self._memory(handle)
        load = self._ask(pynvml.nvmlDeviceGetUtilizationRates, handle)
        power = self._ask(pynvml.nvmlDeviceGetPowerUsage, handle)
        energy = self._ask(pynvml.nvmlDeviceGetTotalEnergyConsumption, handle)
        return GpuSample(
            at=time.time(),
            utilization=None if load is None else load.gpu / 100,
            memory_utilization=None if load is None else load.memory / 100,
            used_bytes=None if memory is None else memory.used,
            power_watts=None if power is None else power / 1000,
            energy_joules=None if energy is None else energy / 1000,
            temperature=self._ask(
                pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU
            ),
            sm_clock_mhz=self._ask(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM),
            memory_clock_mhz=self._ask(
                pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_MEM
            ),
            throttled_by=self._throttled_by(handle),
            pcie_received=self._pcie(handle, pynvml.NVML_PCIE_UTIL_RX_BYTES),
            pcie_sent=self._pcie(handle, pynvml.NVML_PCIE_UTIL_TX_BYTES),
        )

    def processes(self, uuid: str) -> tuple[GpuProcess, ...] | None:
        """Return who has memory on a GPU, None if it does not tell."""
        handle = self._handle(uuid)
        if handle is None:
            return None
        computing = self._first_of(
            handle,
            pynvml.nvmlDeviceGetComputeRunningProcesses_v3,
            pynvml.nvmlDeviceGetComputeRunningProcesses_v2,
        )
        drawing = self._first_of(
            handle,
            pynvml.nvmlDeviceGetGraphicsRunningProcesses_v3,
            pynvml.nvmlDeviceGetGraphicsRunningProcesses_v2,
        )
        if computing is None:
            return None
        known = {process.pid for process in computing}
        return tuple(
            _described(process.pid, process.usedGpuMemory, graphics=process.pid not in known)
            for process in (*computing, *(p for p in drawing or () if p.pid not in known))
        )

    def link(self, one: str, other: str) -> Link:
        """Return how two GPUs reach each other."""
        first, second = self._handle(one), self._handle(other)
        if first is None or second is None:
            return Link()
        level = self._ask(pynvml.nvmlDeviceGetTopologyCommonAncestor, first, second)
        path = _PATHS.get(level, PciePath.UNKNOWN) if level is not None else PciePath.UNKNOWN
        return Link(self._nvlinks(first, second), path)

    def _nvlinks(self, first: Any, second: Any) -> int:
        """Count NVLink lanes from one GPU to another, or to the NVSwitch that they share."""
        over = pynvml.NVML_P2P_CAPS_INDEX_NVLINK
        if (
            self._ask(pynvml.nvmlDeviceGetP2PStatus, first, second, over)
            != pynvml.NVML_P2P_STATUS_OK
        ):
            return 0
        target = self._ask(pynvml.nvmlDeviceGetPciInfo, second)
        ends = []
        for lane in range(pynvml.NVML_NVLINK_MAX_LINKS):
            if self._ask(pynvml.nvmlDeviceGetNvLinkState, first, lane):
                end = self._ask(pynvml.nvmlDeviceGetNvLinkRemotePciInfo, first, lane)
                ends.append(end.busId if end is not None else None)
        direct = ends.count(target.busId) if target is not None else 0
        return direct or len(ends) or 1

    def _gpu(self, index: int, handle: Any, board: str) -> Gpu | None:
        uuid = self._ask(pynvml.nvmlDeviceGetUUID, handle)
        if uuid is None:
            return None
        memory = self._memory(handle)
        return Gpu(
            index=index,
            uuid=uuid,
            name=self._ask(pynvml.nvmlDeviceGetName, handle) or "NVIDIA GPU",
            memory_bytes=None if memory is None else memory.total,
            board=board,
        )

    def _slices(self, board: Any) -> list[Any] | None:
        """Return the MIG slices of a board, None if it is not divided."""
        mode = self._ask(pynvml.nvmlDeviceGetMigMode, board)
        if mode is None or mode[0] != pynvml.NVML_DEVICE_MIG_ENABLE:
            return None
        places = range(self._ask(pynvml.nvmlDeviceGetMaxMigDeviceCount, board) or 0)
        handles = [
            self._ask(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, board, place) for place in places
        ]
        return [handle for handle in handles if handle is not None]

    def _memory(self, handle: Any) -> GpuMemory | None:
        if handle is None:
            return None
        # The first version counts as used what the driver keeps for itself.
        info = self._ask(pynvml.nvmlDeviceGetMemoryInfo, handle, pynvml.nvmlMemory_v2)
        info = info or self._ask(pynvml.nvmlDeviceGetMemoryInfo, handle)
        return None if info is None else GpuMemory(info.total, info.used, info.free)

    def _throttled_by(self, handle: Any) -> tuple[str, ...]:
        reasons = self._first_of(
            handle,
            pynvml.nvmlDeviceGetCurrentClocksEventReasons,
            pynvml.nvmlDeviceGetCurrentClocksThrottleReasons,
        )
        return tuple(name for bit, name in _SLOWED_BY.items() if (reasons or 0) & bit)

    def _pcie(self, handle: Any, counter: int) -> int | None:
        kilobytes = self._ask(pynvml.nvmlDeviceGetPcieThroughput, handle, counter)
        return None if kilobytes is None else kilobytes * 1024

    def _handle(self, uuid: str) -> Any:
        return self._ask(pynvml.nvmlDeviceGetHandleByUUID, uuid)

    def _first_of(self, handle: Any, *functions: Callable[[Any], _T]) -> _T | None:
        """Return the first answer: older drivers lack the functions of newer ones."""
        for function in functions:
            answer = self._ask(function, handle)
            if answer is not None:
                return answer
        return None

    def _ask(self, function: Callable[..., _T], *arguments: Any) -> _T | None:
        try:
            self._run()
            return _CALLER.call(function, *arguments, patience=self._patience)
        except OverdueError:
            return None
        except pynvml.NVMLError as error:
            if _code(error) in _OF_THE_LIBRARY:
                self._forget()
            return None

    def _run(self) -> None:
        with self._lock:
            if not self._running:
                _CALLER.call(pynvml.nvmlInit, patience=max(self._patience, INIT_PATIENCE))
                self._running = True

    def _forget(self) -> None:
        with self._lock:
            if self._running:
                self._running = False
                with contextlib.suppress(pynvml.NVMLError, OverdueError):
                    _CALLER.call(pynvml.nvmlShutdown, patience=self._patience)


def _code(error: pynvml.NVMLError) -> int:
    return int(error.value)  # type: ignore[attr-defined]


def _described(pid: int, used_bytes: int | None, *, graphics: bool) -> GpuProcess:
    # NVML counts PIDs as the machine does; inside a container they would name the wrong processes.
    who = identity.identify(pid) if procfs.sees_whole_machine() else None
    return GpuProcess(
        pid=pid,
        used_bytes=used_bytes,
        description=None if who is None else identity.describe(who),
        graphics=graphics,
    )
