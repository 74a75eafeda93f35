"""CPUs that the load has to itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.machine.cores import LEAST_CPUS, Cores, keep_to, left_to_the_load, parted, siblings


@given(cpus=st.sets(st.integers(0, 255)), threads=st.sampled_from([1, 2]))
def test_whole_cores_are_the_load_s_where_there_are_many(cpus: set[int], threads: int) -> None:
    def core_of(cpu: int) -> set[int]:
        return set(range(cpu // threads * threads, cpu // threads * threads + threads))

    found = parted(cpus, core_of)
    if len(cpus) < LEAST_CPUS:
        assert found is None
        return
    assert found is not None
    assert found.all == cpus
    assert not found.load & found.servers
    assert len(cpus) // 8 <= len(found.load) < len(cpus) // 8 + threads
    assert all(core_of(cpu) & cpus <= found.load for cpu in found.load)


def test_the_kernel_tells_what_shares_a_core(tmp_path: Path) -> None:
    for cpu, said in ((0, "0,8"), (2, "2-3"), (4, "?")):
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{said}\n")
    assert siblings(0, tmp_path) == {0, 8}
    assert siblings(2, tmp_path) == {2, 3}
    assert siblings(4, tmp_path) == {4}
    assert siblings(5, tmp_path) == {5}


def test_a_machine_of_one_core_is_not_parted() -> None:
    cpus = set(range(LEAST_CPUS))
    assert parted(cpus, lambda _: cpus) is None


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU cannot be parted")
def test_what_is_started_meanwhile_stays_off_the_load_s_cpus() -> None:
    before = os.sched_getaffinity(0)
    first, *others = sorted(before)
    command = [sys.executable, "-c", "import os; print(*os.sched_getaffinity(0))"]
    with left_to_the_load(Cores(load=frozenset(others), servers=frozenset({first}))):
        assert subprocess.check_output(command).split() == [str(first).encode()]
    assert os.sched_getaffinity(0) == before
    with left_to_the_load(None):
        assert os.sched_getaffinity(0) == before


def test_what_the_kernel_refuses_stays_as_it_was() -> None:
    before = os.sched_getaffinity(0)
    keep_to(0, frozenset({9999}))  # no such CPU
    keep_to(2**22 + 1, frozenset(before))  # no such process
    assert os.sched_getaffinity(0) == before
