"""GPUs that are not there, for servers that are not there either. Every one says so in its name."""

import time

from core.machine.gpus import Gpu, GpuLimits, GpuMemory, GpuProcess, GpuSample, Link, PciePath


class SimulatedGpus:
    """`core.machine.gpus.Gpus` as equal boards, each linked with each. They stay idle."""

    def __init__(self, model: str, memory_bytes: int, *, count: int = 8, nvlinks: int = 18) -> None:
        """Describe the boards.

        Args:
            model: what they simulate: `NVIDIA H100 80GB HBM3`.
            memory_bytes: of each.
            count: how many.
            nvlinks: lanes from each to the switch; 0: they reach each other over PCIe.
        """
        self._link = Link(nvlinks, PciePath.SYSTEM)
        self._gpus = {
            gpu.uuid: gpu
            for gpu in (
                Gpu(
                    index=index,
                    uuid=f"SIMULATED-{index}",
                    name=f"{model} (simulated)",
                    memory_bytes=memory_bytes,
                    board=f"SIMULATED-{index}",
                    simulated=True,
                )
                for index in range(count)
            )
        }
        self._memory = GpuMemory(total=memory_bytes, used=0, free=memory_bytes)

    def problem(self) -> str | None:
        """Return None: what is not there cannot be in trouble."""
        return None

    def present(self) -> tuple[Gpu, ...]:
        """Return the boards."""
        return tuple(self._gpus.values())

    def driver(self) -> str:
        """Return nothing: no driver is at work."""
        return ""

    def limits(self, uuid: str) -> GpuLimits:  # noqa: ARG002
        """Return nothing: a model of a machine has its own limits."""
        return GpuLimits()

    def memory(self, uuid: str) -> GpuMemory | None:
        """Return an empty memory."""
        return self._memory if uuid in self._gpus else None

    def sample(self, uuid: str) -> GpuSample:
        """Return a moment of idleness."""
        return GpuSample(at=time.time(), used_bytes=0 if uuid in self._gpus else None)

    def processes(self, uuid: str) -> tuple[GpuProcess, ...] | None:
        """Return no processes."""
        return () if uuid in self._gpus else None

    def link(self, one: str, other: str) -> Link:
        """Return the same link for every pair."""
        return self._link if {one, other} <= self._gpus.keys() else Link()
