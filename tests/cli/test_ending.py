"""What a start cleans up, where several machines have the same home."""

from pathlib import Path

import pytest

from core.cli import ending
from core.machine import identity
from core.store import Store, TaskState
from tests.store.histories import TEXT, a_task, began


@pytest.mark.parametrize("over_network", [True, False])
async def test_a_start_leaves_the_runs_of_other_machines_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, over_network: bool
) -> None:
    monkeypatch.setattr(ending, "reached_over_network", lambda _: over_network)
    elsewhere = identity.myself().model_copy(update={"boot_id": "another machine's"})
    ended_here = identity.myself().model_copy(update={"start_ticks": 1})
    async with Store.open(tmp_path / "autotuner.db") as store:
        for runner in (elsewhere, ended_here):
            task = await store.create_task(TEXT, a_task())
            await store.claim(task.id, runner, lambda _: True)
            await store.record(task.id, began())
        told = await ending.end_what_the_dead_left(store, here=True)
        assert len(told) == (1 if over_network else 2)
        assert len(await ending.end_what_the_dead_left(store)) == 2 - len(told)
        assert (await store.claim(1, elsewhere, lambda _: False)).state is TaskState.INTERRUPTED
