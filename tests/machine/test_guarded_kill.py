"""Ending a process by hand: only the one that was shown, and only if it can be meant."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.events import ProcessIdentity
from core.machine import identity, procfs, supervision
from core.machine.guarded_kill import Actor, Ending, Ruling, end_process, judge
from core.machine.identity import ProcessDescription
from tests.machine.conftest import nasty

SHOWN = ProcessIdentity(pid=500, start_ticks=1, boot_id="boot")
USER = Actor(pid=100, uid=1000, ancestors=(90, 80, 1), may_signal_others=False)


def description(
    shown: ProcessIdentity = SHOWN, *, uid: int = 1000, kernel_thread: bool = False
) -> ProcessDescription:
    return ProcessDescription(
        identity=shown,
        command=("vllm", "serve"),
        name="vllm",
        owner="anna",
        uid=uid,
        parent=1,
        age=1.0,
        resident_bytes=1,
        kernel_thread=kernel_thread,
    )


@pytest.mark.parametrize(
    ("pid", "word"),
    [(1, "system itself"), (100, "this program"), (90, "runs in"), (80, "runs in")],
)
def test_the_system_this_program_and_its_shell_are_out_of_reach(pid: int, word: str) -> None:
    shown = SHOWN.model_copy(update={"pid": pid})
    judgement = judge(shown, description(shown), USER, ours=True, typed=str(pid))
    assert judgement.ruling is Ruling.REFUSED
    assert word in judgement.reason


def test_kernel_threads_and_other_users_are_out_of_reach() -> None:
    thread = judge(SHOWN, description(kernel_thread=True), USER, ours=False, typed="500")
    assert thread.ruling is Ruling.REFUSED
    other = judge(SHOWN, description(uid=1001), USER, ours=False, typed="500")
    assert (other.ruling, other.reason) == (Ruling.REFUSED, "PID 500 belongs to anna")
    root = Actor(pid=100, uid=0, ancestors=(), may_signal_others=True)
    assert judge(SHOWN, description(), root, ours=False, typed="500").ruling is Ruling.ALLOWED


def test_a_number_that_changed_hands_is_refused() -> None:
    judgement = judge(SHOWN, None, USER, ours=True)
    assert judgement.ruling is Ruling.REFUSED
    assert "has ended" in judgement.reason


@pytest.mark.parametrize(
    ("ours", "typed", "ruling"),
    [
        (True, "", Ruling.ALLOWED),
        (False, "", Ruling.UNCONFIRMED),
        (False, "yes", Ruling.UNCONFIRMED),
        (False, " 500 ", Ruling.ALLOWED),
    ],
)
def test_what_is_not_ours_needs_a_typed_word(ours: bool, typed: str, ruling: Ruling) -> None:
    assert judge(SHOWN, description(), USER, ours=ours, typed=typed).ruling is ruling


@pytest.fixture
def stranger() -> Iterator[ProcessIdentity]:
    with subprocess.Popen(["sleep", "600"]) as process:
        who = identity.identify(process.pid)
        assert who is not None
        yield who
        process.kill()


async def test_a_stranger_ends_only_when_confirmed(stranger: ProcessIdentity) -> None:
    report = await end_process(stranger)
    assert report.ending is Ending.UNCONFIRMED
    assert f"type {stranger.pid}" in report.text
    assert identity.is_alive(stranger)
    report = await end_process(stranger, typed=str(stranger.pid))
    assert report.ending is Ending.ENDED
    assert not identity.is_alive(stranger)


@pytest.fixture
def deaf_stranger() -> Iterator[ProcessIdentity]:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True)\n"
    with subprocess.Popen(
        [sys.executable, "-c", code + "time.sleep(600)"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        who = identity.identify(process.pid)
        assert who is not None
        yield who
        process.kill()


async def test_a_deaf_process_is_killed(deaf_stranger: ProcessIdentity) -> None:
    report = await end_process(deaf_stranger, typed=str(deaf_stranger.pid), grace=0.1)
    assert report.ending is Ending.KILLED
    assert not identity.is_alive(deaf_stranger)


async def test_a_server_of_ours_needs_no_typing(tmp_path: Path) -> None:
    supervised = await supervision.start(
        nasty(), {}, log=tmp_path / "log", marker="run-1/0", grace=1
    )
    assert (await end_process(supervised.server)).ending is Ending.ENDED
    assert await supervised.stop()


async def test_this_program_and_what_it_runs_in_are_recognised() -> None:
    parent = identity.identify(os.getppid())
    assert parent is not None
    for who in (identity.myself(), parent):
        report = await end_process(who, typed=str(who.pid))
        assert report.ending is Ending.REFUSED
        assert identity.is_alive(who)


def test_the_chain_of_parents_ends_at_the_first_process() -> None:
    chain = procfs.ancestors(os.getpid())
    assert chain[0] == os.getppid()
    assert len(chain) == len(set(chain))
