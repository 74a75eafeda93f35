"""A GPU that one run has is no other's, in whichever home that one is kept."""

import asyncio
import os
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from core.errors import HostError
from core.machine.gpu_claims import GpuClaim, claimed_by_another
from core.machine.nvml import NvmlGpus
from core.run.allocation import Allocation
from core.store import Store
from core.task import GpuRules
from tests.machine.conftest import GIB, State, wait_until

ROOT = Path(__file__).parents[2]

IDLE_BOARDS = "count 2\n" + "".join(
    f"gpu{n}.uuid GPU-{os.getpid()}-{n}\ngpu{n}.name H100\ngpu{n}.total {80 * GIB}\n"
    for n in range(2)
)

HOLDER = """
import asyncio, ctypes, sys
from core.machine.nvml import NvmlGpus
from core.run.allocation import Allocation
from core.store import Store
from core.task import GpuRules

async def main():
    ctypes.CDLL(sys.argv[1])
    async with Store.open() as store:
        async with Allocation(NvmlGpus(), store, GpuRules(), 0).leased(1, print) as gpus:
            print(gpus[0].uuid, flush=True)
            await asyncio.sleep(600)

asyncio.run(main())
"""


def uuid(number: int) -> str:
    return f"GPU-{os.getpid()}-{number}"


def test_a_claim_is_all_or_nothing_and_ends_when_closed() -> None:
    with closing(GpuClaim()) as first, closing(GpuClaim()) as second:
        assert first.take([uuid(1)])
        assert not second.take([uuid(0), uuid(1)])
        with closing(GpuClaim()) as third:
            assert third.take([uuid(0)])
        first.close()
        assert second.take([uuid(0), uuid(1)])


def test_a_process_is_not_in_its_own_way() -> None:
    assert claimed_by_another(uuid(0)) is None
    with closing(GpuClaim()) as claim:
        assert claim.take([uuid(0)])
        assert claimed_by_another(uuid(0)) is None


async def test_runs_of_two_homes_do_not_get_the_same_gpu(
    state: State, nvml_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state(IDLE_BOARDS)
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLDER, str(nvml_library)),
        cwd=ROOT,
        env={**os.environ, "AUTOTUNER_HOME": str(tmp_path / "one")},
        stdout=subprocess.PIPE,
    )
    said: list[str] = []
    try:
        assert holder.stdout is not None
        taken = (await holder.stdout.readline()).decode().strip()
        assert taken in {uuid(0), uuid(1)}
        monkeypatch.setenv("AUTOTUNER_HOME", str(tmp_path / "other"))
        async with Store.open() as store:
            allocation = Allocation(NvmlGpus(), store, GpuRules(), 0)
            async with allocation.leased(1, said.append) as gpus:
                assert [gpu.uuid for gpu in gpus] == [({uuid(0), uuid(1)} - {taken}).pop()]
            with pytest.raises(HostError, match=f"held by another run.*PID {holder.pid}, "):
                async with allocation.leased(2, said.append):
                    pass
            holder.kill()
            await holder.wait()
            wait_until(lambda: claimed_by_another(taken) is None, "the end of the claim")
            async with allocation.leased(2, said.append) as gpus:
                assert len(gpus) == 2
    finally:
        with suppress(ProcessLookupError):
            holder.kill()
        await holder.communicate()
