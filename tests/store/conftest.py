"""A store in a folder of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.store import Store, StoredTask, Viewer
from tests.store.histories import TEXT, a_task


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "autotuner.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    async with Store.open(path) as opened:
        yield opened


@pytest.fixture
async def viewer(path: Path) -> AsyncIterator[Viewer]:
    async with Viewer(path) as opened:
        yield opened


@pytest.fixture
async def task(store: Store) -> StoredTask:
    return await store.create_task(TEXT, a_task(), "quickstart.yaml")
