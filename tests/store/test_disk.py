"""Disks that are full, or may not be written to."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import StoreError
from core.store import Store, Viewer
from tests.store.histories import TEXT, a_task, began, measured_experiment, same


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    point = tmp_path / "disk"
    point.mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(point))
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine does not let us mount a small disk")
    yield point
    subprocess.run(["umount", "--lazy", str(point)], check=True)


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


async def test_a_full_disk_keeps_what_was_committed_and_goes_on_when_there_is_room(
    small_disk: Path,
) -> None:
    path = small_disk / "home" / "autotuner.db"
    async with Store.open(path) as store, Viewer(path) as viewer:
        task = await store.create_task(TEXT, a_task())
        await store.record(task.id, began())
        (small_disk / "filler").write_bytes(b"x" * (1 << 20))
        number = await _record_until_refused(store, task.id)
        assert 0 < number < 1000
        kept, _ = await viewer.state(task.id)
        assert sorted(kept.experiments) == list(range(number))
        with pytest.raises(StoreError, match="the disk is full"):
            await store.record(task.id, *measured_experiment(number))
        assert same((await viewer.state(task.id))[0], kept)

        (small_disk / "filler").unlink()
        await store.record(task.id, *measured_experiment(number))
        assert sorted((await store.resume(task.id)).experiments) == list(range(number + 1))


async def _record_until_refused(store: Store, task_id: int) -> int:
    """Return how many experiments were recorded before there was no room for another."""
    for number in range(1000):
        try:
            await store.record(task_id, *measured_experiment(number))
        except StoreError:
            return number
    return 1000


async def test_a_store_on_a_full_disk_cannot_be_made_and_says_so(small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        (small_disk / "filler").write_bytes(b"x" * (4 << 20))
    with pytest.raises(StoreError, match=r"(the disk is full|No space left on device).*make room"):
        async with Store.open(small_disk / "home" / "autotuner.db"):
            pass


async def test_who_looks_while_the_disk_is_full_is_told_so(small_disk: Path) -> None:
    path = small_disk / "home" / "autotuner.db"
    async with Store.open(path) as store:
        task = await store.create_task(TEXT, a_task())
        await store.record(task.id, began(), *measured_experiment(0))
    with pytest.raises(OSError, match="No space"):
        (small_disk / "filler").write_bytes(b"x" * (4 << 20))
    async with Viewer(path) as viewer:
        with pytest.raises(StoreError, match="the disk is full; make room"):
            await viewer.tasks()
        (small_disk / "filler").unlink()
        assert (await viewer.experiments(task.id)).total == 1


async def test_a_home_that_may_not_be_written_is_one_clear_line(small_disk: Path) -> None:
    path = small_disk / "home" / "autotuner.db"
    async with Store.open(path) as store:
        await store.create_task(TEXT, a_task())
    mount("-o", "remount,ro", str(small_disk))
    with pytest.raises(StoreError, match=r"cannot be written: Read-only.*AUTOTUNER_HOME"):
        async with Store.open(path):
            pass
    with pytest.raises(StoreError, match=r"cannot be made: Read-only.*AUTOTUNER_HOME"):
        async with Store.open(small_disk / "other" / "autotuner.db"):
            pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_without_the_right_to_write_is_one_clear_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match=r"cannot be made: Permission denied.*AUTOTUNER_HOME"):
        async with Store.open(tmp_path / "home" / "autotuner.db"):
            pass
