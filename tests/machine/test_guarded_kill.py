"""Ending a process by hand: only the one that was shown, and only if it can be meant."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.events import ProcessIdentity
from core.machine import identity, ownership, procfs, supervision
from core.machine.guarded_kill import Actor, Ending, Judgement, Ruling, end_process, judge, rule
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


NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")


@pytest.fixture
def of_another_user() -> Iterator[ProcessIdentity]:
    """A process of another user that carries the mark of that user's own servers."""
    mark = ownership.Ownership("17/3", 1, 1, procfs.pid_namespace(), procfs.boot_id())
    with subprocess.Popen(
        ["sleep", "600"],
        user=NOBODY,
        group=NOBODY,
        extra_groups=(),
        cwd="/",
        env={ownership.VARIABLE: str(mark)},
    ) as process:
        who = identity.identify(process.pid)
        assert who is not None
        yield who
        process.kill()


@as_root
async def test_root_ends_another_users_server_only_when_confirmed(
    of_another_user: ProcessIdentity,
) -> None:
    report = await end_process(of_another_user)
    assert report.ending is Ending.UNCONFIRMED
    assert identity.is_alive(of_another_user)
    report = await end_process(of_another_user, typed=str(of_another_user.pid))
    assert report.ending is Ending.ENDED


@as_root
def test_a_user_without_rights_ends_nothing_of_roots(stranger: ProcessIdentity) -> None:
    judgement = rule(stranger, typed=str(stranger.pid))
    assert judgement.ruling is Ruling.ALLOWED, "root itself may"
    assert _ruled_by(NOBODY, stranger) == "refused"
    assert identity.is_alive(stranger)


def _ruled_by(uid: int, shown: ProcessIdentity) -> str:
    """Return what the rules say to a program of that user."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresuid(uid, uid, uid)
        os.write(writer, rule(shown, typed=str(shown.pid)).ruling.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        told = said.read()
    os.waitpid(child, 0)
    return told


def test_a_real_thread_of_the_kernel_is_recognised() -> None:
    threads = (stat for stat in procfs.all_stats() if stat.kernel_thread)
    thread = next(threads, None)
    if thread is None:
        pytest.skip("no thread of the kernel can be seen from here")
    told = rule(identity.of(thread), typed=str(thread.pid))
    assert told == Judgement(Ruling.REFUSED, f"PID {thread.pid} is a thread of the kernel")


@as_root
async def test_whoever_was_given_the_number_of_the_process_that_was_shown_lives(
    stranger: ProcessIdentity,
) -> None:
    identity.send(stranger, signal.SIGKILL)
    await asyncio.to_thread(os.waitpid, stranger.pid, 0)
    await asyncio.sleep(2 / os.sysconf("SC_CLK_TCK"))  # numbers are not given again in one tick
    with _given_number(stranger.pid) as heir:
        report = await end_process(stranger, typed=str(stranger.pid))
        assert (report.ending, heir.poll()) == (Ending.REFUSED, None)
        assert "has ended" in report.text
        assert not identity.send(stranger, signal.SIGKILL)
        assert identity.identify(heir.pid) != stranger
        heir.kill()


def _given_number(pid: int) -> "subprocess.Popen[bytes]":
    """Return a new process with that number, which is free."""
    last = Path("/proc/sys/kernel/ns_last_pid")
    for _ in range(200):
        try:
            last.write_text(str(pid - 1))
        except OSError as error:
            pytest.skip(f"{last}: {error.strerror}")
        process = subprocess.Popen(["sleep", "600"])
        if process.pid == pid:
            return process
        process.kill()
        process.wait()
    pytest.skip("other processes were always quicker to take the number")
