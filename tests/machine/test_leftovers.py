"""What dead guardians left behind is found and ended; what anybody looks after is not."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.events import ProcessIdentity
from core.machine import identity, leftovers, ownership, procfs, supervision
from core.machine.leftovers import Launch
from core.machine.ownership import Ownership
from tests.machine.conftest import Witness, nasty, wait_until


@pytest.fixture
def dead() -> ProcessIdentity:
    """A process that was, and is no more."""
    with subprocess.Popen(["true"]) as process:
        who = identity.identify(process.pid)
    assert who is not None
    return who


Spawned = list[ProcessIdentity]


def marked(guardian: ProcessIdentity, **changes: object) -> dict[str, str]:
    mark = Ownership(
        marker="run-1/7",
        guardian_pid=guardian.pid,
        guardian_start_ticks=guardian.start_ticks,
        pid_namespace=procfs.pid_namespace(),
        boot_id=procfs.boot_id(),
    )
    return {**os.environ, ownership.VARIABLE: str(mark._replace(**changes))}


@pytest.fixture
def spawn() -> Iterator[object]:
    """Start a sleeping process with an environment of its own; ended when the test is over."""
    children: list[subprocess.Popen[bytes]] = []

    def start(environment: dict[str, str], *argv: str) -> ProcessIdentity:
        child = subprocess.Popen(argv or ("sleep", "600"), env=environment)
        children.append(child)
        wait_until(lambda: ownership_shown(child.pid, environment), "the exec")
        who = identity.identify(child.pid)
        assert who is not None
        return who

    yield start
    for child in children:
        child.kill()
        child.wait()


def ownership_shown(pid: int, environment: dict[str, str]) -> bool:
    wanted = environment.get(ownership.VARIABLE)
    mark = ownership.read(pid)
    return (None if mark is None else str(mark)) == wanted


def test_a_mark_survives_being_written_and_read(dead: ProcessIdentity) -> None:
    text = marked(dead)[ownership.VARIABLE]
    mark = ownership.parse(text)
    assert mark is not None
    assert str(mark) == text
    assert mark.of_this_place
    assert ownership.parse("nonsense") is None
    assert ownership.parse("a b c d e") is None


def test_an_orphan_is_found_and_ended(spawn, dead: ProcessIdentity) -> None:
    orphan = spawn(marked(dead))
    assert orphan in [leftover.identity for leftover in leftovers.find()]
    (leftover,) = leftovers.find(only=dead)
    assert str(leftover) == f"sleep (PID {orphan.pid}) of run-1/7"
    swept = leftovers.end(only=dead)
    assert swept.ended == (leftover,)
    assert swept.remaining == ()
    assert not identity.is_alive(orphan)


def test_what_somebody_looks_after_is_left_alone(spawn, dead: ProcessIdentity) -> None:
    kept = [
        spawn(marked(identity.myself())),
        spawn(marked(dead, boot_id="another-boot")),
        spawn(marked(dead, pid_namespace=1)),
        spawn({**os.environ}),
        spawn({**os.environ, "AUTOTUNER_OWNER_TOO": marked(dead)[ownership.VARIABLE]}),
    ]
    found = [leftover.identity for leftover in leftovers.find()]
    assert not set(found) & set(kept)


def test_what_this_program_runs_in_is_never_a_leftover(dead: ProcessIdentity) -> None:
    code = "import os; from core.machine import leftovers\n"
    code += "found = {leftover.identity.pid for leftover in leftovers.find()}\n"
    code += "print(len(found & {os.getpid(), os.getppid()}))"
    done = subprocess.run(
        ["sh", "-c", f'"$0" -c "{code}"; :', sys.executable],
        env=marked(dead), cwd=Path(__file__).parents[2], capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout == b"0\n"


def test_a_deaf_orphan_is_killed(spawn, dead: ProcessIdentity) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    orphan = spawn(marked(dead), sys.executable, "-c", code)
    wait_until(lambda: ignores_term(orphan.pid), "deafness")
    assert len(leftovers.end(only=dead, grace=0.2).ended) == 1
    assert not identity.is_alive(orphan)


def environment_of(who: ProcessIdentity) -> bytes:
    return Path(f"/proc/{who.pid}/environ").read_bytes()


def ignores_term(pid: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    ignored = next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn:"))
    return bool(ignored >> (signal.SIGTERM - 1) & 1)


def test_children_that_shed_the_mark_go_with_their_parent(spawn, dead: ProcessIdentity) -> None:
    shell = "env -i sleep 600 & env -i sleep 601 & wait"
    parent = spawn(marked(dead), "sh", "-c", shell)
    wait_until(lambda: len(identity.descendants(parent)) == 2, "two children")
    children = identity.descendants(parent)
    assert len(leftovers.end(only=dead).ended) == 3
    assert not any(identity.is_alive(child) for child in children)


def test_a_recorded_server_without_a_mark_is_found(spawn, dead: ProcessIdentity) -> None:
    server = spawn({**os.environ})
    launch = Launch(marker="", server=server, guardian=dead)
    assert [leftover.identity for leftover in leftovers.find([launch], only=dead)] == [server]
    alive = Launch(marker="run-1/7", server=server, guardian=identity.myself())
    assert leftovers.find([alive], only=identity.myself()) == []
    former = Launch("run-1/7", server.model_copy(update={"start_ticks": 1}), dead)
    assert leftovers.find([former], only=dead) == []


async def test_servers_are_marked_and_told_to_keep_the_mark_readable(tmp_path: Path) -> None:
    supervised = await supervision.start(nasty(), {}, log=tmp_path / "log", marker="r/1", grace=1)
    mark = ownership.read(supervised.server.pid)
    assert mark is not None
    assert mark.marker == "r/1"
    assert mark.guardian_pid == supervised.guardian.pid
    assert b"SPT_NOENV=1" in environment_of(supervised.server).split(b"\0")
    assert await supervised.stop()


def test_the_next_start_ends_what_a_killed_runner_and_guardian_left(
    tmp_path: Path, witness: Witness, decoys: Spawned
) -> None:
    argv = nasty("--ignore-term", "--daemon", "--workers", "2", "--pids", str(witness.path))
    code = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom core.machine import supervision\n"
        "async def main():\n"
        "    s = await supervision.start(sys.argv[2:], {}, log=Path(sys.argv[1], 'log'),"
        " marker='run-9/4', grace=1)\n"
        "    print(s.guardian.pid, s.server.pid, flush=True)\n"
        "    await s.gone\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), *argv],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as runner:
        assert runner.stdout is not None
        pids = [int(number) for number in runner.stdout.readline().split()]
        guardian, server = (identity.identify(pid) for pid in pids)
        assert guardian is not None
        assert server is not None
        processes = witness.wait_for(4 + len(decoys))
        runner.send_signal(signal.SIGSTOP)  # so that it cannot clean up after its guardian
        identity.send(guardian, signal.SIGKILL)
        wait_until(lambda: not identity.is_alive(server), "the server to follow its guardian")
        runner.kill()
    ours = [who for who in processes if who not in decoys]
    assert any(identity.is_alive(who) for who in ours)
    swept = leftovers.end(only=guardian, grace=0.2)
    assert swept.remaining == ()
    assert {leftover.marker for leftover in swept.ended} == {"run-9/4"}
    assert not any(identity.is_alive(who) for who in ours)
    assert all(identity.is_alive(decoy) for decoy in decoys)
