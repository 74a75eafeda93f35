"""Whether a server that was stopped gave its GPUs' memory back."""

import asyncio
import time
from collections.abc import Sequence

from core.deploy.server import Remains
from core.machine.gpu_choice import name_of
from core.machine.gpus import Gpus

TOLERANCE_BYTES = 256 << 20
"""How much more may be in use afterwards than before: the driver's own books shift that much."""
_PATIENCE = 30.0
"""Seconds after the last process is gone; a driver may take its time to unpin host memory."""
_LOOK = 0.25


class GpuMemoryCheck:
    """Remembers what was in use, and looks again afterwards."""

    def __init__(self, driver: Gpus, uuids: Sequence[str]) -> None:
        self._driver = driver
        self._before: dict[str, int | None] = dict.fromkeys(uuids)

    async def remember(self) -> None:
        """Take note of the memory that is in use now."""
        for uuid in self._before:
            self._before[uuid] = await self._used(uuid)

    async def used(self) -> int:
        """Return the bytes in use now on all of them, as far as they tell."""
        return sum([await self._used(uuid) or 0 for uuid in self._before])

    async def remains(self) -> list[Remains]:
        """Wait until the memory is back, and return what is not."""
        deadline = time.monotonic() + _PATIENCE
        kept = await self._kept()
        while kept and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK)
            kept = await self._kept()
        return [
            Remains("gpu_memory", await asyncio.to_thread(self._describe, uuid, size), gpu=uuid)
            for uuid, size in kept.items()
        ]

    async def _kept(self) -> dict[str, int]:
        """Return what each GPU has in use beyond before and the tolerance, in bytes."""
        kept = {}
        for uuid, before in self._before.items():
            now = await self._used(uuid)
            if now is not None and before is not None and now - before > TOLERANCE_BYTES:
                kept[uuid] = now - before
        return kept

    async def _used(self, uuid: str) -> int | None:
        memory = await asyncio.to_thread(self._driver.memory, uuid)
        return None if memory is None else memory.used

    def _describe(self, uuid: str, size: int) -> str:
        holders = [name_of(process) for process in self._driver.processes(uuid) or ()]
        named = f", held by {'; '.join(holders)}" if holders else ""
        return f"{size / 2**20:.0f} MiB of {uuid}{named}"
