"""The app over a store of its own, without a terminal."""

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tui import runs
from tests.tui.driving import Watched
from tui.terminal import Capabilities

MakeApp = Callable[..., Watched]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with the store of `runs`, made once."""
    home = tmp_path_factory.mktemp("filled") / "home"
    home.mkdir(mode=0o700)
    asyncio.run(runs.fill(home, Path("/home/me/logs/2-rag")))
    return home


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder without anything, and a time zone that does not depend on the machine."""
    path = tmp_path / "home"
    monkeypatch.setenv("AUTOTUNER_HOME", str(path))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    time.tzset()
    yield path
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def full_home(home: Path, filled: Path) -> Path:
    """The home folder with a copy of the store of `runs`."""
    shutil.copytree(filled, home)
    return home


@pytest.fixture
def make_app(full_home: Path) -> MakeApp:
    """Makes apps over the store of `runs`."""

    def make(*, ascii_only: bool = False, colour: bool = True, light: bool = False) -> Watched:
        return Watched(Capabilities(ascii=ascii_only, colour=colour, queries=True, light=light))

    return make


@pytest.fixture
def app(make_app: MakeApp) -> Watched:
    """An app over the store of `runs`."""
    return make_app()
