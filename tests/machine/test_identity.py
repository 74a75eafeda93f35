"""A process is its PID, its start and its boot; a signal reaches that process or none."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.machine import identity, procfs
from tests.machine.conftest import wait_until


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_a_process_is_the_same_until_it_ends(sleeper: subprocess.Popen[bytes]) -> None:
    who = identity.identify(sleeper.pid)
    assert who is not None
    assert identity.identify(sleeper.pid) == who
    assert identity.is_alive(who)
    sleeper.kill()
    sleeper.wait()
    assert not identity.is_alive(who)
    assert identity.identify(sleeper.pid) is None


def test_a_process_that_nobody_has_reaped_is_dead(sleeper: subprocess.Popen[bytes]) -> None:
    who = identity.identify(sleeper.pid)
    assert who is not None
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not identity.is_alive(who)
    assert not identity.send(who, signal.SIGTERM)


def test_a_signal_reaches_the_process_it_is_meant_for(sleeper: subprocess.Popen[bytes]) -> None:
    who = identity.identify(sleeper.pid)
    assert who is not None
    assert identity.send(who, signal.SIGTERM)
    assert sleeper.wait() == -signal.SIGTERM


@pytest.mark.parametrize(
    "change",
    [{"start_ticks": 1}, {"boot_id": "another boot"}],
    ids=["a later process with the same number", "a process before the last boot"],
)
def test_a_number_that_changed_hands_gets_no_signal(
    sleeper: subprocess.Popen[bytes], change: dict[str, object]
) -> None:
    who = identity.identify(sleeper.pid)
    assert who is not None
    former = who.model_copy(update=change)
    assert not identity.is_alive(former)
    assert identity.describe(former) is None
    assert not identity.send(former, signal.SIGKILL)
    assert identity.is_alive(who)


def test_without_pidfd_the_identity_is_checked_all_the_same(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(pid: int, flags: int = 0) -> int:
        raise OSError(38, "Function not implemented")

    who = identity.identify(sleeper.pid)
    assert who is not None
    monkeypatch.setattr(os, "pidfd_open", refuse)
    assert not identity.send(who.model_copy(update={"start_ticks": 1}), signal.SIGKILL)
    assert identity.is_alive(who)
    assert identity.send(who, signal.SIGTERM)
    assert sleeper.wait() == -signal.SIGTERM
    assert not identity.send(who, signal.SIGTERM)


def test_a_name_with_parentheses_and_spaces_is_read_whole() -> None:
    rename = "open('/proc/self/comm', 'w').write(') R 1 (x'); import time; time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", rename]) as process:
        try:
            wait_until(lambda: _name(process.pid) == ") R 1 (x", "the new name")
            stat = procfs.read_stat(process.pid)
            assert stat is not None
            assert stat.parent == os.getpid()
        finally:
            process.kill()


def _name(pid: int) -> str:
    stat = procfs.read_stat(pid)
    return stat.name if stat else ""


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_description_tells_what_a_person_asks(sleeper: subprocess.Popen[bytes]) -> None:
    who = identity.identify(sleeper.pid)
    assert who is not None
    wait_until(lambda: _command(sleeper.pid) == b"sleep\x00600\x00", "the exec")
    described = identity.describe(who)
    assert described is not None
    assert described.command == ("sleep", "600")
    assert described.uid == os.getuid()
    assert described.parent == os.getpid()
    assert 0 <= described.age < 300
    assert not described.kernel_thread


def test_descendants_are_found_through_the_generations() -> None:
    shell = "sleep 600 & sh -c 'sleep 600 & wait' & wait"
    with subprocess.Popen(["sh", "-c", shell]) as process:
        root = identity.identify(process.pid)
        assert root is not None
        wait_until(lambda: len(identity.descendants(root)) == 3, "three descendants")
        found = identity.descendants(root)
        assert identity.usage(root).resident_bytes > 0
        for who in (*found, root):
            identity.send(who, signal.SIGKILL)
        wait_until(lambda: not any(identity.is_alive(who) for who in found), "their end")


def test_this_process_knows_itself() -> None:
    assert identity.myself().pid == os.getpid()
    assert identity.is_alive(identity.myself())
