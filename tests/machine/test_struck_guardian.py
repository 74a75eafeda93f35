"""SIGKILL to the guardian, in each phase of its life: nothing is left, and it is said."""

import asyncio
from pathlib import Path

import pytest

from core.events import ProcessIdentity
from core.machine import guardian, identity, supervision
from core.machine.supervision import GuardianKilledError, Supervised
from tests.machine.conftest import Witness, nasty

BAD_MANNERS = ("--ignore-term", "--daemon", "--workers", "1")
PROCESSES = 3


@pytest.fixture(autouse=True)
def struck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guardian, "__file__", str(Path(__file__).with_name("struck_guardian.py")))


def notes(tmp_path: Path) -> Path:
    return tmp_path / "pids of the server"


def none_lives(tmp_path: Path) -> bool:
    return not any(identity.is_alive(who) for who in Witness(notes(tmp_path)).processes())


async def start(phase: str, tmp_path: Path) -> Supervised:
    return await supervision.start(
        nasty("--pids", str(notes(tmp_path)), *BAD_MANNERS),
        {},
        log=tmp_path / "server.log",
        marker=f"{phase} {notes(tmp_path)}",
        grace=0.3,
    )


@pytest.mark.parametrize("phase", ["awaiting", "ordered", "started"])
async def test_while_it_launches(phase: str, tmp_path: Path, decoys: list[ProcessIdentity]) -> None:
    with pytest.raises(GuardianKilledError, match="killed by SIGKILL as it began"):
        await start(phase, tmp_path)
    assert none_lives(tmp_path)
    assert all(identity.is_alive(decoy) for decoy in decoys)


@pytest.mark.parametrize("phase", ["asking", "ended", "gone"])
async def test_while_it_finishes(phase: str, tmp_path: Path, decoys: list[ProcessIdentity]) -> None:
    supervised = await start(phase, tmp_path)
    await asyncio.to_thread(Witness(notes(tmp_path)).wait_for, PROCESSES)
    assert await supervised.stop()
    assert supervised.gone.result().guardian_lost
    assert supervised.exit.done()
    assert none_lives(tmp_path)
    assert all(identity.is_alive(decoy) for decoy in decoys)
