"""A server under its guardian: however it behaves, and whoever dies, nothing is left."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import HostError
from core.events import ProcessIdentity
from core.machine import identity, leftovers, supervision
from core.machine.supervision import ExitReport, Supervised
from tests.machine.conftest import Witness, nasty, wait_until

ROOT = Path(__file__).parents[2]


async def start(
    *flags: str, tmp_path: Path, environment: dict[str, str] | None = None, grace: float = 0.5
) -> Supervised:
    return await supervision.start(
        nasty("--pids", str(tmp_path / "pids"), *flags),
        environment or {},
        log=tmp_path / "logs" / "server.log",
        marker="run-1/2",
        grace=grace,
    )


async def ended(future: asyncio.Future[ExitReport]) -> ExitReport:
    return await asyncio.wait_for(asyncio.shield(future), 60)


def all_gone(processes: list[ProcessIdentity]) -> bool:
    return not any(identity.is_alive(who) for who in processes)


async def test_a_polite_server_is_started_heard_and_stopped(
    tmp_path: Path, witness: Witness, decoys: list[ProcessIdentity]
) -> None:
    supervised = await start("--say", "hello", tmp_path=tmp_path)
    assert identity.is_alive(supervised.server)
    assert identity.is_alive(supervised.guardian)
    processes = await asyncio.to_thread(witness.wait_for, 1 + len(decoys))
    assert supervised.server in processes
    assert await supervised.stop()
    report = await ended(supervised.exit)
    assert report.code == -signal.SIGTERM
    assert report.peak_bytes > 1 << 20
    assert (tmp_path / "logs" / "server.log").read_text().startswith("hello\n")
    assert supervised.gone.result() == supervision.TreeEnd()
    assert not identity.is_alive(supervised.guardian)
    assert all(identity.is_alive(decoy) for decoy in decoys)


async def test_the_peak_of_memory_is_that_of_the_whole_tree(
    tmp_path: Path, witness: Witness
) -> None:
    supervised = await start("--workers", "3", tmp_path=tmp_path)
    await asyncio.to_thread(witness.wait_for, 4)
    own = identity.describe(supervised.server)
    assert own is not None
    tree = identity.usage(supervised.server).resident_bytes
    assert tree > 1.5 * own.resident_bytes
    assert await supervised.stop()
    assert (await ended(supervised.exit)).peak_bytes >= tree


@pytest.mark.parametrize(
    ("flags", "processes"),
    [
        (["--ignore-term", "--workers", "3"], 4),
        (["--ignore-term", "--daemon"], 2),
        (["--fork-on-term", "--workers", "1"], 2),
        (["--ignore-term", "--daemon", "--workers", "2", "--hydra", "20"], 5),
        (["--ignore-term", "--hydra", "1000000"], 1),
    ],
    ids=["deaf", "forks twice with its own session", "forks while dying", "all", "endless forks"],
)
async def test_no_bad_manners_save_a_tree(
    tmp_path: Path,
    witness: Witness,
    decoys: list[ProcessIdentity],
    flags: list[str],
    processes: int,
) -> None:
    supervised = await start(*flags, tmp_path=tmp_path)
    await asyncio.to_thread(witness.wait_for, processes + len(decoys))
    assert await supervised.stop()
    assert supervised.gone.result().killed
    assert all_gone([who for who in witness.processes() if who not in decoys])
    assert all(identity.is_alive(decoy) for decoy in decoys)


async def test_what_a_server_leaves_behind_goes_after_it(tmp_path: Path, witness: Witness) -> None:
    supervised = await start(
        "--daemon", "--workers", "2", "--exit-after", "0.2", "--exit-code", "3", tmp_path=tmp_path
    )
    report = await ended(supervised.exit)
    assert report.code == 3
    await asyncio.wait_for(supervised.gone, 60)
    assert len(witness.path.read_text().split()) == 4
    assert witness.processes() == []


async def test_a_crash_is_reported_by_its_signal(tmp_path: Path) -> None:
    supervised = await start("--exit-after", "0", "--crash", tmp_path=tmp_path)
    report = await ended(supervised.exit)
    assert report.code == -signal.SIGSEGV
    assert str(report) == "ended by SIGSEGV"
    assert await supervised.stop()


async def test_a_server_that_kills_its_group_kills_nobody_else(tmp_path: Path) -> None:
    supervised = await start("--exit-after", "0", "--kill-group", tmp_path=tmp_path)
    assert (await ended(supervised.exit)).code == -signal.SIGKILL
    assert await supervised.stop()
    assert not supervised.gone.result().guardian_lost


async def test_stopping_twice_and_at_once_is_stopping_once(tmp_path: Path) -> None:
    supervised = await start(tmp_path=tmp_path)
    assert await asyncio.gather(supervised.stop(), supervised.stop()) == [True, True]
    assert await supervised.stop()


async def test_a_stop_that_takes_too_long_says_so_and_goes_on(tmp_path: Path) -> None:
    supervised = await start("--ignore-term", "--say", "deaf", tmp_path=tmp_path, grace=1.0)
    log = tmp_path / "logs" / "server.log"
    await asyncio.to_thread(wait_until, lambda: "deaf" in log.read_text(), "deafness")
    assert not await supervised.stop(patience=-1.0)
    assert supervised.remaining() == [supervised.server]
    assert await supervised.stop()


async def test_a_program_that_cannot_be_started_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="no-such-server: No such file or directory"):
        await supervision.start(
            ["no-such-server"], {}, log=tmp_path / "log", marker="run/1", grace=1
        )
    with pytest.raises(HostError, match="embedded null"):
        await supervision.start(["a\0b"], {}, log=tmp_path / "log", marker="run/1", grace=1)
    with pytest.raises(HostError, match=f"{tmp_path}: Is a directory"):
        await supervision.start(["true"], {}, log=tmp_path, marker="run/1", grace=1)


async def test_what_a_loader_complains_of_does_not_keep_a_server_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_PRELOAD", "/no/such/library.so")
    supervised = await start(tmp_path=tmp_path)
    assert await supervised.stop()


async def test_a_waiter_that_gives_up_breaks_nothing(tmp_path: Path) -> None:
    supervised = await start(tmp_path=tmp_path)
    supervised.exit.cancel()
    assert await supervised.stop()


async def test_a_start_that_is_cancelled_leaves_nothing(tmp_path: Path, witness: Witness) -> None:
    starting = asyncio.create_task(start("--workers", "1", tmp_path=tmp_path))
    await asyncio.sleep(0.05)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    if not starting.cancelled():
        assert await starting.result().stop()
    assert witness.processes() == []


async def test_a_flood_of_log_is_bounded_and_its_first_error_is_kept(tmp_path: Path) -> None:
    supervised = await start(
        "--log-megabytes", "100", "--exit-after", "0", "--exit-code", "1", tmp_path=tmp_path
    )
    assert (await ended(supervised.exit)).code == 1
    log = tmp_path / "logs" / "server.log"
    said = log.read_text()
    assert len(said) < 20 << 20
    assert said.startswith("RuntimeError: the first error of them all\n")
    assert "ValueError: an error amid the flood\n" in said
    assert said.endswith("the last line of the flood\nup\n")
    assert await supervised.stop()


async def test_secrets_reach_the_server_and_nothing_else(tmp_path: Path) -> None:
    secret = "hf_verysecretindeed"
    supervised = await start(
        "--say-secret", "HF_TOKEN", tmp_path=tmp_path, environment={"HF_TOKEN": secret}
    )
    log = tmp_path / "logs" / "server.log"
    await asyncio.to_thread(wait_until, lambda: "up" in log.read_text(), "the server")
    assert f"HF_TOKEN={secret}".encode() in environment_of(supervised.server)
    assert secret.encode() not in environment_of(supervised.guardian)
    for who in (supervised.server, supervised.guardian):
        described = identity.describe(who)
        assert described is not None
        assert secret not in " ".join(described.command)
    assert "args: ***" in log.read_text()
    assert await supervised.stop()


def environment_of(who: ProcessIdentity) -> bytes:
    return Path(f"/proc/{who.pid}/environ").read_bytes()


def test_a_guardian_knows_only_the_standard_library() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import core.machine.guardian\n"
    code += "print(*(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(ROOT)], capture_output=True, check=True
    )
    foreign = set(done.stdout.decode().split()) - sys.stdlib_module_names
    assert foreign == {"core", "__main__"}


async def test_killing_the_guardian_leaves_nothing_either(
    tmp_path: Path, witness: Witness, decoys: list[ProcessIdentity]
) -> None:
    supervised = await start("--ignore-term", "--daemon", "--workers", "2", tmp_path=tmp_path)
    processes = await asyncio.to_thread(witness.wait_for, 4 + len(decoys))
    assert identity.send(supervised.guardian, signal.SIGKILL)
    assert (await ended(supervised.exit)).code is None
    end = await asyncio.wait_for(asyncio.shield(supervised.gone), 60)
    assert end.guardian_lost
    assert all_gone([who for who in processes if who not in decoys])
    assert all(identity.is_alive(decoy) for decoy in decoys)
    assert await supervised.stop()


RUNNER = """
import asyncio, os, signal, sys, time
from pathlib import Path
from core.machine import supervision

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be ignored from the start

async def main(folder, leak, *argv):
    supervised = await supervision.start(
        argv, {}, log=Path(folder, "log"), marker="run-7/1", grace=0.5
    )
    leaked = os.fork() if leak == "leak" else None
    if leaked == 0:  # a child that keeps the pipe to the guardian open
        time.sleep(600)
    print(supervised.guardian.pid, leaked or supervised.guardian.pid, flush=True)
    await supervised.gone

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("leak", ["leak", "no leak"])
def test_a_runner_that_dies_takes_its_servers_along(
    tmp_path: Path,
    witness: Witness,
    decoys: list[ProcessIdentity],
    end: signal.Signals,
    leak: str,
) -> None:
    argv = nasty("--ignore-term", "--daemon", "--workers", "1", "--pids", str(witness.path))
    with subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(tmp_path), leak, *argv],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as runner:
        assert runner.stdout is not None
        guardian, leaked = (int(number) for number in runner.stdout.readline().split())
        keeper = identity.identify(guardian)
        assert keeper is not None
        processes = witness.wait_for(3 + len(decoys))
        runner.send_signal(end)
        runner.wait()
    ours = [who for who in processes if who not in decoys]
    wait_until(lambda: all_gone(ours), "the server's tree to end")
    wait_until(lambda: not identity.is_alive(keeper), "the guardian to end")
    if leaked != guardian:
        os.kill(leaked, signal.SIGKILL)
    assert leftovers.find(only=keeper) == []
    assert all(identity.is_alive(decoy) for decoy in decoys)
