"""Opening: fresh, at once, foreign, damaged, newer, and where the write-ahead log cannot work."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import aiosqlite
import pytest

import core.store.connection
from core.errors import StoreError
from core.store import Store, Viewer
from core.store.connection import MIGRATIONS, migrate, statements
from tests.store.histories import TEXT, a_task, began, measured_experiment, progress


def pragma(path: Path, name: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


async def test_a_fresh_store_is_made_and_opens_again(path: Path) -> None:
    for _ in range(2):
        async with Store.open(path):
            pass
    assert pragma(path, "user_version") == len(MIGRATIONS)
    assert pragma(path, "journal_mode") == "wal"


async def test_a_commit_reaches_the_disk_before_it_is_called_one(store: Store) -> None:
    [(level,)] = await store._connection.execute_fetchall("PRAGMA synchronous")
    assert level == 2  # FULL


async def test_many_may_open_a_fresh_store_at_once(path: Path) -> None:
    async def open_and_write(number: int) -> int:
        async with Store.open(path) as store:
            return (await store.create_task(TEXT, a_task())).run

    runs = await asyncio.gather(*(open_and_write(number) for number in range(8)))
    assert sorted(runs) == list(range(1, 9))


async def test_where_the_log_cannot_work_another_journal_is_used(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.store.connection, "reached_over_network", lambda _: True)
    async with Store.open(path) as store, Viewer(path) as viewer:
        task = await store.create_task(TEXT, a_task())
        assert await viewer.changed()
        await store.record(task.id, began(), *measured_experiment(0), progress(0, 1.0))
        assert await viewer.changed()
        assert (await viewer.experiments(task.id)).total == 1
        assert not path.with_name("autotuner.db-wal").exists()
    assert pragma(path, "journal_mode") == "delete"


async def test_text_that_is_no_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("Dear diary, " * 100)
    for opening in (Store.open(path), looked_at(path)):
        with pytest.raises(StoreError, match=r"autotuner\.db: is no SQLite database; move it away"):
            async with opening:
                pass
    assert path.read_text().startswith("Dear diary")


async def test_the_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE task (id)")
    before = path.read_bytes()
    for opening in (Store.open(path), looked_at(path)):
        with pytest.raises(StoreError, match="belongs to another program"):
            async with opening:
                pass
    assert path.read_bytes() == before


async def test_the_store_of_a_newer_version_is_left_alone(path: Path) -> None:
    async with Store.open(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    for opening in (Store.open(path), looked_at(path)):
        with pytest.raises(StoreError, match="newer autotuner; update this one"):
            async with opening:
                pass


async def test_a_viewer_says_that_an_older_store_has_to_be_updated(path: Path) -> None:
    async with Store.open(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) - 1}")
    with pytest.raises(StoreError, match="older autotuner"):
        async with looked_at(path):
            pass


async def test_an_updating_viewer_brings_an_older_store_up_to_date(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Store.open(path) as store:
        await store.create_task(TEXT, a_task())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP INDEX event_confirmed")
        connection.execute("PRAGMA user_version = 1")
        monkeypatch.setattr("core.store.connection.BUSY_SECONDS", 0.1)
        connection.execute("BEGIN IMMEDIATE")
        async with Viewer(path, updating=True) as viewer:
            with pytest.raises(StoreError, match=r"locked .* \(an older autotuner wrote it"):
                await viewer.tasks()
            connection.rollback()
            assert (await viewer.tasks()).total == 1, "it is tried again"
    async with Viewer(path) as viewer:
        assert (await viewer.tasks()).total == 1, "and every viewer can read it from now on"


async def test_a_damaged_page_is_one_clear_line(path: Path) -> None:
    async with Store.open(path) as store:
        task = await store.create_task(TEXT, a_task())
        for number in range(40):
            await store.record(task.id, *measured_experiment(number))
    content = bytearray(path.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 512] = b"\xa5" * 512
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"is damaged \(.*\); move it away"):
        async with Store.open(path) as store:
            await store.resume(task.id)
    with pytest.raises(StoreError, match="is damaged"):
        async with Viewer(path) as viewer:
            await viewer.experiments(task.id)


async def test_what_another_version_wrote_is_one_clear_line(path: Path) -> None:
    async with Store.open(path) as store, Viewer(path) as viewer:
        task = await store.create_task(TEXT, a_task())
        await store.record(task.id, began(), *measured_experiment(0))
        await store._connection.execute('UPDATE event SET body = \'{"type": "unheard_of"}\'')
        for reading in (store.resume(task.id), viewer.state(task.id)):
            with pytest.raises(StoreError, match="this version of autotuner does not understand"):
                await reading


async def test_an_empty_file_is_a_store_that_is_about_to_be(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    async with Viewer(path) as viewer:
        assert (await viewer.tasks()).total == 0
        async with Store.open(path) as store:
            await store.create_task(TEXT, a_task())
            assert (await viewer.tasks()).total == 1


async def test_a_migration_happens_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = {
        "one.sql": "CREATE TABLE a (x);\nINSERT INTO a VALUES (1);\n",
        "two.sql": "CREATE TABLE b (x);\nINSERT INTO b SELECT x + 1 FROM a;\n",
        "bad.sql": "CREATE TABLE c (x);\nINSERT INTO nowhere VALUES (1);\n",
    }
    for name, script in scripts.items():
        (tmp_path / name).write_text(script)
    monkeypatch.setattr(core.store.connection, "files", lambda _: tmp_path)
    path = tmp_path / "m.db"
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        await migrate(connection, ["one.sql"])
        assert pragma(path, "user_version") == 1
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            await migrate(connection, ["one.sql", "two.sql", "bad.sql"])
        assert pragma(path, "user_version") == 1
        await migrate(connection, ["one.sql", "two.sql"])
        await migrate(connection, ["one.sql", "two.sql"])
        assert list(await connection.execute_fetchall("SELECT x FROM b")) == [(2,)]
        assert pragma(path, "user_version") == 2


def test_a_script_is_split_at_the_end_of_each_statement() -> None:
    script = "-- first; or not\nCREATE TABLE a (\n  x -- ;\n);\nINSERT INTO a\nVALUES (';');\n"
    assert [statement.count("\n") for statement in statements(script)] == [4, 2]


class looked_at:  # noqa: N801
    """A viewer that has looked once."""

    def __init__(self, path: Path) -> None:
        self.viewer = Viewer(path)

    async def __aenter__(self) -> None:
        try:
            await self.viewer.changed()
        finally:
            await self.viewer.__aexit__()

    async def __aexit__(self, *_: object) -> None:
        return None
