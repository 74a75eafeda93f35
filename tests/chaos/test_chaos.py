"""Whatever ends whichever process at whatever moment: nothing is left over, nothing is lost.

Real runs on a server with every bad habit are struck at random moments with random faults. After
each strike that ended a runner: no process of the run is left, every stranger with the very same
command line lives, every committed load level is still there. In the end each task is resumed, and
has tried the same configurations as a run that nobody disturbed.

The number of strikes is `AUTOTUNER_STRIKES`; the seed is `AUTOTUNER_CHAOS_SEED`.
"""

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVER = Path(__file__).with_name("nasty_server.py")
STRIKES = int(os.environ.get("AUTOTUNER_STRIKES", "200"))
SEED = int(os.environ.get("AUTOTUNER_CHAOS_SEED", "20260"))
AT_ONCE = 3
STRIKES_A_TASK = 6
PATIENCE = 60.0
"""Seconds that a loaded machine gets for anything that has to happen."""

TASK = f"""\
task_name: struck
model: {{id_or_path: nasty}}
base_runtime: custom
engine: {{command: "{sys.executable} {SERVER} --port {{port}} {{flags}}"}}
parameters: {{batch: [1, 2, 3]}}
optimization: {{strategy: random, seed: 3}}
benchmark:
  traffic_scenarios: ["D(8,4)"]
  num_concurrency: [1, 2]
  max_requests_per_iteration: 8
  max_time_per_iteration: 1s
timeouts: {{warmup: 300ms, stop: 200ms}}
"""

pytestmark = pytest.mark.timeout(1500)


@dataclass(frozen=True)
class Process:
    """A process of a struck run, by what it does."""

    pid: int
    role: str


@dataclass
class Struck:
    """One task that is struck again and again."""

    home: Path
    rng: random.Random
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    tally: Counter[str] = field(default_factory=Counter)
    runner: asyncio.subprocess.Process | None = None
    decoys: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "AUTOTUNER_HOME": str(self.home), "CHAOS": self.mark}

    async def start(self) -> None:
        """Start a runner: for the first time, or to go on."""
        words = ["--resume", "struck"] if self.levels() is not None else ["--run", "task.yaml"]
        with (self.home.parent / "stderr.txt").open("ab") as said:
            self.runner = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "core.cli",
                *(str(self.home.parent / w) if w == "task.yaml" else w for w in words),
                "--yes",
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
            )

    async def ended(self, within: float) -> bool:
        """Return whether the runner ends in that time."""
        assert self.runner is not None
        with suppress(TimeoutError):
            await asyncio.wait_for(self.runner.wait(), within)
        return self.runner.returncode is not None

    def processes(self) -> list[Process]:
        """Every living process of this run, wherever it has got to."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if f"CHAOS={self.mark}".encode() not in (folder / "environ").read_bytes():
                    continue
                if (folder / "stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                    continue
                words = (folder / "cmdline").read_bytes().decode().split("\0")
                found.append(Process(int(folder.name), role_of(words)))
        return found

    def levels(self) -> set[tuple[int, int]] | None:
        """Experiment and index of every committed load level; None: nothing was ever stored."""
        path = self.home / "autotuner.db"
        if not path.exists():
            return None
        connection = sqlite3.connect(path, timeout=PATIENCE)
        try:
            if not connection.execute("SELECT count(*) FROM task").fetchone()[0]:
                return None
            bodies = connection.execute("SELECT body FROM event WHERE type = 'level_measured'")
            events = [json.loads(body) for (body,) in bodies]
        except sqlite3.OperationalError:
            return None  # not even the tables were made
        finally:
            connection.close()
        return {(event["experiment"], event["sub_round"]["index"]) for event in events}

    def add_decoy(self) -> None:
        """Start a stranger with the command line of the server that runs now."""
        for process in self.processes():
            if process.role == "server" and len(self.decoys) < 3:
                words = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode().split("\0")
                stranger = {**os.environ, "DECOY": "1"}
                self.decoys.append(subprocess.Popen(words[:-1], env=stranger))
                return

    async def strike(self) -> None:
        """Do one bad thing, and check what has to hold afterwards."""
        before = self.levels() or set()
        with suppress(OSError):
            self.add_decoy()
        fault = self.rng.choice(FAULTS)
        name = await fault(self)
        self.tally[name] += 1
        assert self.runner is not None
        if self.runner.returncode is not None:
            await self.check_nothing_is_left(name)
        assert before <= (self.levels() or set()), f"{name}: committed levels are lost"
        assert all(decoy.poll() is None for decoy in self.decoys), f"{name}: a stranger was hit"

    async def check_nothing_is_left(self, after: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while left := self.processes():
            assert time.monotonic() < deadline, f"{after}: left over: {left}"
            await asyncio.sleep(0.05)

    async def campaign(self) -> None:
        """Strike the task, let it go on, and at last let it finish."""
        for _ in range(STRIKES_A_TASK):
            if self.runner is None or self.runner.returncode is not None:
                await self.start()
            if await self.ended(within=self.rng.uniform(0.0, 3.0)):
                assert self.runner is not None
                self.tally[f"struck too late (status {self.runner.returncode})"] += 1
            await self.strike()
        assert self.runner is not None
        if self.runner.returncode is None:
            assert await self.ended(within=4 * PATIENCE)
        while self.state() not in {"finished", "failed"}:
            await self.start()
            assert await self.ended(within=4 * PATIENCE)
        await self.check_nothing_is_left("the end")

    def state(self) -> str:
        listed = self.ask("list", "--json")
        return json.loads(listed)[0]["state"] if listed.startswith("[{") else "nothing stored"

    def ask(self, *words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "core.cli", *words],
            cwd=ROOT,
            env={**self.environment, "CHAOS": "-"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        ).stdout

    def tried(self) -> set[str]:
        """The configurations that came to an end of their own, as JSON."""
        run = json.loads(self.ask("show", "struck", "--json"))
        ended = {"ok", "infeasible", "failed"}
        return {
            json.dumps(e["configuration"], sort_keys=True)
            for e in run["experiments"]
            if e["outcome"] in ended
        }

    def close(self) -> None:
        for decoy in self.decoys:
            decoy.kill()
            decoy.wait()


Fault = Callable[[Struck], Awaitable[str]]


def role_of(words: list[str]) -> str:
    line = " ".join(words)
    if "guardian.py" in line:
        return "guardian"
    if "core.load.worker" in line:
        return "load worker"
    if str(SERVER) in line:
        return "server"
    return "runner"


def kill_one(role: str, number: signal.Signals) -> Fault:
    """A fault: a signal to one random process of a role."""

    async def fault(struck: Struck) -> str:
        assert struck.runner is not None
        chosen = [p for p in struck.processes() if p.role == role]
        if not chosen:
            return f"no {role} to strike"
        victim = struck.rng.choice(chosen)
        with suppress(ProcessLookupError):
            os.kill(victim.pid, number)
        if victim.pid == struck.runner.pid:
            assert await struck.ended(within=PATIENCE)
        return f"{number.name} to {role}"

    return fault


async def second_runner(struck: Struck) -> str:
    """A second runner on a task that is being run is turned away."""
    assert struck.runner is not None
    if struck.levels() is None or struck.runner.returncode is not None:
        return "no task to run twice"
    other = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "core.cli", "--resume", "struck"),
        cwd=ROOT,
        env={**struck.environment, "CHAOS": f"{struck.mark}-second"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(other.communicate(), PATIENCE)
    if struck.runner.returncode is None:
        assert other.returncode in {2, 3}, said.decode()
    return "a second runner"


async def full_disk(struck: Struck) -> str:
    """No room on the home for a while; the runner may end for it, with status 3."""
    if not struck.home.is_mount():
        return "no disk to fill"
    filler = struck.home / "filler"
    with suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(b"\0" * 65536)
    await struck.ended(within=struck.rng.uniform(0.5, 3.0))
    filler.unlink()
    return "a full disk"


FAULTS = [
    kill_one("runner", signal.SIGKILL),
    kill_one("runner", signal.SIGKILL),
    kill_one("runner", signal.SIGTERM),
    kill_one("runner", signal.SIGINT),
    kill_one("runner", signal.SIGHUP),
    kill_one("guardian", signal.SIGKILL),
    kill_one("server", signal.SIGKILL),
    kill_one("server", signal.SIGSTOP),
    kill_one("load worker", signal.SIGKILL),
    second_runner,
    full_disk,
]


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[list[Path]]:
    """Folders for the tasks, some of them small disks of their own."""
    made: list[Path] = []
    mounted: list[Path] = []
    for number in range(-(-STRIKES // STRIKES_A_TASK)):
        folder = tmp_path / str(number)
        home = folder / "home"
        home.mkdir(parents=True, mode=0o700)
        (folder / "task.yaml").write_text(TASK)
        if number % 3 == 0 and mount(home):
            mounted.append(home)
        made.append(home)
    yield made
    for home in mounted:
        subprocess.run(["umount", "--lazy", home], check=True)


def mount(folder: Path) -> bool:
    """Make the folder a disk of 24 MiB, where this user may."""
    command = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, check=False).returncode == 0


async def test_nothing_is_left_behind_and_nothing_is_lost(
    homes: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    undisturbed = Struck(tmp_path / "undisturbed" / "home", random.Random(0))
    undisturbed.home.mkdir(parents=True, mode=0o700)
    (tmp_path / "undisturbed" / "task.yaml").write_text(TASK)
    await undisturbed.start()
    assert await undisturbed.ended(within=4 * PATIENCE)
    expected = undisturbed.tried()
    assert len(expected) == 4

    tally: Counter[str] = Counter()
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, home: Path) -> None:
        struck = Struck(home, random.Random(SEED + number))
        async with slots:
            try:
                await struck.campaign()
                assert struck.tried() == expected
            finally:
                tally.update(struck.tally)
                struck.close()

    await asyncio.gather(*(one(number, home) for number, home in enumerate(homes)))
    with capsys.disabled():
        print(f"\n{sum(tally.values())} strikes:")
        for name, count in tally.most_common():
            print(f"{count:5}  {name}")
