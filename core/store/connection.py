"""Opening the database: for the one who writes, and for those who only look.

Written for the SQLite that long-lived distributions ship (3.26 and later).
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

import aiosqlite

from core.errors import StoreError
from core.store.faults import BUSY_SECONDS, FOREIGN, NEWER, OLDER, explain
from core.store.file_system import reached_over_network
from core.store.location import is_there, make_file, make_folder

APPLICATION_ID = 0x61757475
"""What marks a SQLite file as ours: `autu`."""

MIGRATIONS: Sequence[str] = ("schema_1.sql", "schema_2.sql")
"""The scripts that lead from an empty file to the present schema; the n-th makes version n."""


@asynccontextmanager
async def writing(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    """Open the database for writing; make it, or bring its schema up to date, where need be.

    Raises:
        StoreError: it cannot be made, is damaged, foreign, or of a newer version.
    """
    make_folder(path.parent)
    make_file(path)
    try:
        async with aiosqlite.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None
        ) as connection:
            await _count_own_tables(connection, path)
            await _choose_journal(connection, path)
            await connection.execute("PRAGMA foreign_keys = ON")
            # FULL syncs the journal on every commit. NORMAL would spare about a millisecond, but a
            # power cut could then take the last results with it, each of which cost minutes.
            await connection.execute("PRAGMA synchronous = FULL")
            await migrate(connection, MIGRATIONS)
            yield connection
    except sqlite3.Error as error:
        raise explain(error, path) from None


async def looking(path: Path, *, updating: bool = False) -> aiosqlite.Connection | None:
    """Open the database (an absolute path) for reading only, or return None while there is none.

    Args:
        updating: whether one of an older version is brought up to date first.

    Raises:
        StoreError: it is damaged, foreign, not to be reached, or of another version and not to be
            updated.
    """
    if not await asyncio.to_thread(is_there, path):
        return None
    if updating:
        await _update(path)
    async with _open_unless_refused(f"{path.as_uri()}?mode=ro", uri=True) as connection:
        if await _count_own_tables(connection, path) == 0:
            await connection.close()
            return None
        if await _number(connection, "PRAGMA user_version") < len(MIGRATIONS):
            raise StoreError(f"{path}: {OLDER}")
        return connection


async def _update(path: Path) -> None:
    """Bring an older database up to date; it is opened for writing only if it is one."""
    async with _open_unless_refused(f"{path.as_uri()}?mode=ro", uri=True) as connection:
        tables = await _count_own_tables(connection, path)
        version = await _number(connection, "PRAGMA user_version")
        await connection.close()
    if tables and version < len(MIGRATIONS):
        try:
            async with writing(path):
                pass
        except StoreError as error:
            raise StoreError(f"{error} (an older autotuner wrote it: it needs an update)") from None


async def undo_unfinished(path: Path) -> None:
    """Undo what a writer that died in the middle had begun, where there is no write-ahead log.

    SQLite does so whenever the database is opened by one who may write, unless the writer lives.
    """
    async with aiosqlite.connect(path, timeout=BUSY_SECONDS, isolation_level=None) as connection:
        await _number(connection, "SELECT count(*) FROM sqlite_master")


async def nothing() -> aiosqlite.Connection:
    """Open a store that holds nothing and is kept nowhere: what there is before there is one."""
    async with _open_unless_refused(":memory:") as connection:
        await migrate(connection, MIGRATIONS)
        return connection


@asynccontextmanager
async def _open_unless_refused(
    name: str, *, uri: bool = False
) -> AsyncIterator[aiosqlite.Connection]:
    """Open a connection that is closed again only if it is found wanting."""
    connection = aiosqlite.connect(name, uri=uri, timeout=BUSY_SECONDS, isolation_level=None)
    await connection
    try:
        yield connection
    except BaseException:
        await connection.close()
        raise


async def migrate(connection: aiosqlite.Connection, scripts: Sequence[str]) -> None:
    """Run the scripts that the database has not seen, all of them or none."""
    if await _number(connection, "PRAGMA user_version") == len(scripts):
        return
    try:
        await connection.execute("BEGIN IMMEDIATE")
        # Read anew now that the lock is held: another process may have done the same.
        version = await _number(connection, "PRAGMA user_version")
        for script in scripts[version:]:
            for statement in statements(files("core.store").joinpath(script).read_text("utf-8")):
                await connection.execute(statement)
        await connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        await connection.execute(f"PRAGMA user_version = {len(scripts)}")
        await connection.execute("COMMIT")
    except BaseException:
        await connection.rollback()
        raise


def statements(script: str) -> list[str]:
    """Split an SQL script into its statements."""
    found, statement = [], ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            found.append(statement)
            statement = ""
    return found


async def _count_own_tables(connection: aiosqlite.Connection, path: Path) -> int:
    """Return how many tables there are.

    Raises:
        StoreError: they are another program's, or a newer version's.
    """
    # In this order: whoever makes the tables at this moment signs them in the same transaction.
    tables = await _number(connection, "SELECT count(*) FROM sqlite_master")
    owner = await _number(connection, "PRAGMA application_id")
    if owner != APPLICATION_ID and (owner or tables):
        raise StoreError(f"{path}: {FOREIGN}")
    if await _number(connection, "PRAGMA user_version") > len(MIGRATIONS):
        raise StoreError(f"{path}: {NEWER}")
    return tables


async def _choose_journal(connection: aiosqlite.Connection, path: Path) -> None:
    """Use the write-ahead log, in which readers and the writer never wait, wherever it works."""
    mode = "DELETE" if reached_over_network(path) else "WAL"
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            # A file system without shared memory answers with the mode it stays in.
            await connection.execute_fetchall(f"PRAGMA journal_mode = {mode}")
            return
        except sqlite3.OperationalError as error:
            # Two that open a new store at once collide here, where SQLite itself does not wait.
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY and time.monotonic() < deadline:
                await asyncio.sleep(_PAUSE_SECONDS)
            elif mode == "WAL":
                mode = "DELETE"
            else:
                raise


_PAUSE_SECONDS = 0.02


async def _number(connection: aiosqlite.Connection, query: str) -> int:
    [(number,)] = await connection.execute_fetchall(query)
    return int(number)
