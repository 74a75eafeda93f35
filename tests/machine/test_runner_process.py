"""A runner on its own: it outlives its starter's session, and stops when it alone is asked to."""

import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from core.errors import HostError
from core.events import ProcessIdentity
from core.machine import identity
from core.machine.runner_process import start_cleaning, start_runner, stop_runner
from tests.machine.conftest import wait_until

STAND_IN = """\
import os, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit("stopping"))
print("asked for", *sys.argv[1:], "in session", os.getsid(0), flush=True)
time.sleep(300)
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An interpreter that runs a stand-in instead of this program."""
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return tmp_path / "runners" / "17.log"


def test_a_runner_is_started_apart_and_stopped_by_identity(stand_in: Path) -> None:
    who = start_runner("#17", stand_in)
    wait_until(lambda: b"in session" in stand_in.read_bytes(), "the runner's first words")
    said = stand_in.read_text()
    assert "asked for -P -m core.cli --resume #17 " in said
    assert f"in session {who.pid}\n" in said
    assert os.getsid(0) != who.pid
    assert stat.S_IMODE(stand_in.stat().st_mode) == 0o600
    assert stop_runner(who)
    wait_until(lambda: not identity.is_alive(who), "the runner's end")
    assert stand_in.read_text().endswith("stopping\n")
    assert not stop_runner(who)


def test_cleaning_is_started_and_not_waited_for(
    stand_in: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = set(identity.descendants(identity.myself()))
    start_cleaning()
    (cleaner,) = set(identity.descendants(identity.myself())) - before
    identity.send(cleaner, signal.SIGKILL)
    wait_until(lambda: not identity.is_alive(cleaner), "the cleaner's end")
    assert capfd.readouterr() == ("", "")


def test_a_later_process_of_the_same_number_is_not_stopped(stand_in: Path) -> None:
    who = start_runner("#17", stand_in)
    earlier = ProcessIdentity(pid=who.pid, start_ticks=who.start_ticks - 1, boot_id=who.boot_id)
    assert not stop_runner(earlier)
    assert identity.is_alive(who)
    wait_until(lambda: b"in session" in stand_in.read_bytes(), "the runner's first words")
    stop_runner(who)
    wait_until(lambda: not identity.is_alive(who), "the runner's end")


def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "runners").write_text("a file")
    with pytest.raises(HostError, match="#17: the runner cannot be started"):
        start_runner("#17", tmp_path / "runners" / "17.log")
