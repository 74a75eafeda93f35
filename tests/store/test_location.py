"""Where things are kept, and who may read them."""

import os
import stat
from pathlib import Path

import pytest

from core.errors import StoreError
from core.store import Store, database, experiment_log, home
from core.store.location import is_there, make_folder
from tests.store.histories import TEXT, a_task, began


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTOTUNER_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_without_any_wish_things_are_kept_under_the_users_data(tmp_path: Path) -> None:
    assert home() == tmp_path / ".local" / "share" / "inference-autotuner"
    assert database() == home() / "autotuner.db"


def test_xdg_data_home_is_heeded_if_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert home() == Path("/data/inference-autotuner")
    monkeypatch.setenv("XDG_DATA_HOME", "data")
    assert home() == tmp_path / ".local" / "share" / "inference-autotuner"


def test_autotuner_home_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setenv("AUTOTUNER_HOME", "~/tuner")
    assert home() == tmp_path / "tuner"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTOTUNER_HOME", "here")
    assert home() == tmp_path / "here"


async def test_nobody_else_can_read_what_is_kept(tmp_path: Path) -> None:
    (tmp_path / "up").mkdir()
    path = tmp_path / "up" / "home" / "autotuner.db"
    async with Store.open(path) as store:
        task = await store.create_task(TEXT, a_task())
        await store.record(task.id, began())
        modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    assert modes.keys() >= {"autotuner.db", "autotuner.db-wal"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["quickstart", "a/../b c", "..", "#", "日本", "x" * 200])
def test_a_log_has_its_place_whatever_the_task_is_called(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOTUNER_HOME", str(tmp_path / "home"))
    log = experiment_log(17, name, 3)
    assert log.name == "3.log"
    assert log.parent.parent == tmp_path / "home" / "logs"
    assert log.parent.name.startswith("17")
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700
    assert log.parent != experiment_log(18, name, 3).parent


def test_a_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "home"):
        with pytest.raises(StoreError, match=r"file.*is no folder.*AUTOTUNER_HOME"):
            make_folder(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="to be somebody else takes root")
def test_a_home_of_somebody_else_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    told = str(tmp_path / "told")
    shared = os.open(told, os.O_CREAT | os.O_WRONLY)
    if (child := os.fork()) == 0:
        os.setuid(65534)
        try:
            is_there(database(home))
        except StoreError as error:
            os.write(shared, str(error).encode())
        os._exit(0)
    os.close(shared)
    os.waitpid(child, 0)
    assert Path(told).read_text() == (
        f"{home}/autotuner.db: cannot be read: Permission denied; give yourself the right, or set "
        "AUTOTUNER_HOME to another folder"
    )
