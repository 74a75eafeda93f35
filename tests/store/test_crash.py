"""A power cut, a SIGKILL, a torn file: whatever happens at whatever byte, the store opens again."""

import asyncio
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.machine.identity import identify, is_alive, myself
from core.store import Store, Viewer
from tests.store.histories import (
    OTHER,
    TEXT,
    a_task,
    began,
    ended,
    measured_experiment,
)

WRITER = """
import asyncio, sys, core.store.connection
from pathlib import Path
from core.store import Store
from tests.store.histories import *
if sys.argv[2] == "delete":
    core.store.connection.reached_over_network = lambda _: True
async def main():
    async with Store.open(Path(sys.argv[1])) as store:
        task = await store.claim(1, RUNNER, lambda _: False)
        number = len((await store.resume(1)).experiments)
        await store.record(1, began(resumed=True))
        while True:
            await store.record(1, *measured_experiment(number))
            number += 1
            print(number, flush=True)
asyncio.run(main())
"""

HOLDER = """
import asyncio, sys, time
from pathlib import Path
from core.store import Store
from tests.store.histories import *
def think_for_ever(_):
    print("in the middle", flush=True)
    time.sleep(3600)
async def main():
    async with Store.open(Path(sys.argv[1])) as store:
        await store.take_leases(["GPU-2", "GPU-1"], RUNNER, think_for_ever)
asyncio.run(main())
"""


@contextmanager
def running(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


async def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return await asyncio.to_thread(process.stdout.readline)


@pytest.mark.parametrize("journal", ["wal", "delete"])
async def test_a_writer_killed_at_any_moment_loses_nothing_it_had_committed(
    path: Path, journal: str
) -> None:
    async with Store.open(path) as store:
        await store.create_task(TEXT, a_task())
    chance = random.Random(11)
    for _ in range(3):
        with running(WRITER, str(path), journal) as writer:
            acknowledged = await line_of(writer)
            await asyncio.sleep(chance.random() * 0.1)
            writer.kill()
            rest, _ = await asyncio.to_thread(writer.communicate)
        committed = int((acknowledged + rest).split()[-1])
        async with Viewer(path) as viewer:
            state, _ = await viewer.state(1)
            assert sorted(state.experiments) == list(range(len(state.experiments)))
            assert committed <= len(state.experiments) <= committed + 1
            assert all(len(e.sub_rounds) == 2 for e in state.experiments.values())
            page = await viewer.experiments(1, limit=10_000)
            assert list(page.rows) == list(state.experiments.values())


async def test_who_is_killed_in_the_middle_of_a_transaction_leaves_no_lock(path: Path) -> None:
    async with Store.open(path) as store:
        await store.take_leases(["GPU-1"], OTHER, lambda _: True)
    with running(HOLDER, str(path)) as holder:
        assert await line_of(holder) == "in the middle\n"
        async with Viewer(path) as viewer:  # which does not even wait for the one that hangs
            assert [lease.holder for lease in await viewer.leases()] == [OTHER]
    async with Store.open(path) as store, Viewer(path) as viewer:
        assert await store.take_leases(["GPU-2"], OTHER, lambda _: True) == ()
        assert [lease.gpu for lease in await viewer.leases()] == ["GPU-1", "GPU-2"]


async def test_a_log_torn_at_any_byte_leaves_a_store_that_opens(path: Path, tmp_path: Path) -> None:
    said = [began(), *measured_experiment(0), *measured_experiment(1), ended(40.0)]
    async with Store.open(path) as store:
        task = await store.create_task(TEXT, a_task())
        await store._connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
        for event in said:
            await store.record(task.id, event)
        for file in path.parent.iterdir():  # as a power cut finds them
            shutil.copy(file, tmp_path / file.name)
    whole = (tmp_path / "autotuner.db-wal").read_bytes()
    torn = tmp_path / "torn" / "autotuner.db"
    torn.parent.mkdir()
    lengths, kept = sorted({*range(0, len(whole), 7919), 1, 31, 33, len(whole)}), []
    for length in lengths:
        for old in torn.parent.iterdir():
            old.unlink()
        shutil.copy(tmp_path / "autotuner.db", torn)
        torn.with_name("autotuner.db-wal").write_bytes(whole[:length])
        async with Viewer(torn) as viewer:
            heard = [recorded.event for recorded in await viewer.events(task.id)]
        assert heard == said[: len(heard)]
        kept.append(len(heard))
        async with Store.open(torn) as store:
            if heard and not isinstance(heard[-1], type(said[-1])):
                await store.record(task.id, said[len(heard)])
    assert kept == sorted(kept)
    assert kept[0] == 0
    assert kept[-1] == len(said)
    assert len(set(kept)) > 10


async def test_the_death_of_a_real_runner_is_seen(path: Path) -> None:
    async with Store.open(path) as store:
        task = await store.create_task(TEXT, a_task())
        with running("input()") as child:
            runner = identify(child.pid)
            assert runner is not None
            await store.claim(task.id, runner, is_alive)
            await store.record(task.id, began(), *measured_experiment(0)[:5])
            assert await store.close_dead_runs(is_alive) == ()
        [dead] = await store.close_dead_runs(is_alive)
        assert dead.task.id == task.id
        assert (await store.claim(task.id, myself(), is_alive)).runner == myself()
