"""GPUs for one experiment after another: chosen, leased for this runner alone, given back.

A lease is known to the runs of one store. A real GPU is claimed as well, for those of other homes.
A GPU that was not given back as it was taken is not used again in this run.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing

from core.engines.engine import Engine
from core.engines.simulated.machines import GPUS
from core.errors import HostError
from core.machine import identity
from core.machine.gpu_choice import Candidate, Choice, candidates, choose
from core.machine.gpu_claims import GpuClaim, claimed_by_another
from core.machine.gpus import Gpu, Gpus
from core.machine.nvml import SILENT, NvmlGpus
from core.machine.simulated_gpus import SimulatedGpus
from core.store import Store
from core.task import GpuRules, Task

_PAUSE = 1.0
"""Seconds between two looks for GPUs that another run has."""


def gpus_of(engine: Engine, task: Task) -> Gpus:
    """Return where the engine's GPUs are looked up: on this machine, or in the simulation."""
    if not engine.simulated:
        return NvmlGpus()
    named = str(task.engine.arguments.get("gpu", ""))
    board = GPUS.get(named) or next(iter(GPUS.values()))
    return SimulatedGpus(board.name, int(board.memory))


class Allocation:
    """Leases GPUs out of those of one machine."""

    def __init__(self, gpus: Gpus, store: Store, rules: GpuRules, patience: float) -> None:
        """Describe where GPUs come from.

        Args:
            gpus: those of the machine.
            store: where leases are kept.
            rules: which of them may be had.
            patience: seconds to wait for GPUs that another run has.
        """
        self.gpus = gpus
        self._store = store
        self._rules = rules
        self._patience = patience
        self._quarantined: dict[str, str] = {}
        self._in_use: set[str] = set()
        """UUIDs of those that experiments of this run have."""
        self._choosing = asyncio.Lock()

    def free(self) -> int:
        """Return how many of the GPUs that may be had no experiment of this run has."""
        usable = self._allowed(candidates(self.gpus))
        return sum(c.gpu.uuid not in {*self._in_use, *self._quarantined} for c in usable)

    def quarantine(self, uuid: str, reason: str) -> None:
        """Never choose this GPU again."""
        self._quarantined[uuid] = reason

    @asynccontextmanager
    async def leased(
        self, count: int, say: Callable[[str], None]
    ) -> AsyncIterator[tuple[Gpu, ...]]:
        """Hold `count` GPUs; none on a machine that has none at all.

        Args:
            say: is told what is waited for.

        Raises:
            HostError: they cannot be had.
        """
        with closing(GpuClaim()) as claim:
            chosen = await self._take(count, say, claim) if count else ()
            try:
                yield chosen
            finally:
                uuids = [gpu.uuid for gpu in chosen]
                self._in_use -= set(uuids)
                await self._store.release_leases(uuids, identity.myself())

    async def _take(
        self, count: int, say: Callable[[str], None], claim: GpuClaim
    ) -> tuple[Gpu, ...]:
        waited = 0.0
        while True:
            seen = self._allowed(await asyncio.to_thread(candidates, self.gpus))
            if not seen and self.gpus.problem() == SILENT:
                raise HostError(SILENT)
            if not seen:
                return ()
            if len(seen) < count:
                raise HostError(f"{count} GPUs are needed, and there are {len(seen)} to be had")
            async with self._choosing:
                choice = await asyncio.to_thread(self._choose, seen, count, await self._held(seen))
                if choice.gpus and await self._lease(choice, claim):
                    self._in_use |= {gpu.uuid for gpu in choice.gpus}
                    return choice.gpus
            reasons = "; ".join(choice.refused) or "another run was quicker"
            if waited >= self._patience:
                raise HostError(f"no {count} GPUs could be had: {reasons}")
            say(f"waiting for GPUs: {reasons}")
            await asyncio.sleep(_PAUSE)
            waited += _PAUSE

    def _allowed(self, seen: list[Candidate]) -> list[Candidate]:
        only = self._rules.only
        return [c for c in seen if not only or {c.gpu.index, c.gpu.uuid} & set(only)]

    def _choose(self, seen: list[Candidate], count: int, held: dict[str, str]) -> Choice:
        return choose(
            seen,
            count,
            link=self.gpus.link,
            held=held,
            minimum_free_share=self._rules.minimum_free_share,
            share_with_strangers=self._rules.share,
        )

    async def _held(self, seen: list[Candidate]) -> dict[str, str]:
        claims = {
            candidate.gpu.uuid: f"is held by {who}"
            for candidate in seen
            if not candidate.gpu.simulated and (who := claimed_by_another(candidate.gpu.uuid))
        }
        leases = {
            lease.gpu: f"is leased by another run ({lease.holder})"
            for lease in await self._store.leases()
            if lease.holder != identity.myself() and identity.is_alive(lease.holder)
        }
        own = dict.fromkeys(self._in_use, "has another experiment of this run on it")
        return {**claims, **leases, **own, **self._quarantined}

    async def _lease(self, choice: Choice, claim: GpuClaim) -> bool:
        if not claim.take(gpu.uuid for gpu in choice.gpus if not gpu.simulated):
            return False
        uuids = [gpu.uuid for gpu in choice.gpus]
        if await self._store.take_leases(uuids, identity.myself(), identity.is_alive):
            claim.close()
            return False
        return True
