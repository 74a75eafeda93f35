"""A run that is struck again and again, and what has to hold of it whatever happens."""

import asyncio
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.machine import ports

ROOT = Path(__file__).parents[2]
SERVER = Path(__file__).with_name("nasty_server.py")
STRANGER = Path(__file__).with_name("stranger")
PATIENCE = 60.0
"""Seconds that a loaded machine gets for anything that has to happen."""
SECRET = "hf_asecretthatnobodymaysee"
LONGEST_LOG = 16 << 20

_COMMON = """\
optimization: {strategy: random, seed: 3, confirmation: false}
timeouts: {start: 10s, warmup: 300ms, request: 3s, stop: 200ms}
benchmark:
  traffic_scenarios: ["D(8,4)"]
  num_concurrency: [1, 2]
  max_requests_per_iteration: 8
  max_time_per_iteration: 1s
"""

NASTY_TASK = f"""\
task_name: struck
model: {{id_or_path: nasty}}
base_runtime: custom
engine: {{command: "{sys.executable} {SERVER} --port {{port}} {{flags}}"}}
parameters: {{batch: [1, 2, 3, 4]}}
{_COMMON}"""

SIMULATED_TASK = f"""\
task_name: struck
model: {{id_or_path: llama-3.1-8b}}
base_runtime: simulated
engine: {{arguments: {{speed: 20, start-speed: 1000}}}}
parameters: {{max-running-requests: [1, 2, 3, 4]}}
{_COMMON}"""


@dataclass(frozen=True)
class Process:
    """A process of a struck run, by what it does."""

    pid: int
    role: str
    command: tuple[str, ...]


@dataclass
class Struck:
    """One task, its home, its present runner, and the strangers beside it."""

    folder: Path
    task: str
    rng: random.Random
    flood_kib: int = 100
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    runner: asyncio.subprocess.Process | None = None
    strangers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, mode=0o700, exist_ok=True)
        self.orders.mkdir(exist_ok=True)
        (self.folder / "task.yaml").write_text(self.task)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def orders(self) -> Path:
        """Where the nasty server looks for what to do wrong."""
        return self.folder / "orders"

    @property
    def nasty(self) -> bool:
        return self.task is NASTY_TASK

    @property
    def running(self) -> bool:
        return self.runner is not None and self.runner.returncode is None

    def environment(self, mark: str) -> dict[str, str]:
        return {
            **os.environ,
            "AUTOTUNER_HOME": str(self.home),
            "CHAOS": mark,
            "ORDERS": str(self.orders),
            "FLOOD_KIB": str(self.flood_kib),
            "HF_TOKEN": SECRET,
        }

    async def start(self) -> None:
        """Start a runner: for the first time, or to go on."""
        words = (
            ("--run", str(self.folder / "task.yaml"), "--yes")
            if self.levels() is None
            else ("--resume", "struck")
        )
        with (self.folder / "stderr.txt").open("ab") as said:
            self.runner = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "core.cli", *words),
                cwd=ROOT,
                env=self.environment(self.mark),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
            )

    async def ended(self, within: float) -> bool:
        """Return whether the runner ends in that time."""
        assert self.runner is not None
        with suppress(TimeoutError):
            await asyncio.wait_for(self.runner.wait(), within)
        return not self.running

    async def ask(self, *words: str) -> tuple[int, str]:
        """Run the program beside the run; return its status and what it printed."""
        asked = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "core.cli", *words),
            cwd=ROOT,
            env=self.environment(f"asked {self.mark}"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(asked.communicate(), 2 * PATIENCE)
        assert asked.returncode is not None
        return asked.returncode, said.decode()

    def processes(self) -> list[Process]:
        """Every living process of this run, wherever it has got to."""
        found = []
        wanted = f"CHAOS={self.mark}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if wanted not in (folder / "environ").read_bytes().split(b"\0"):
                    continue
                if (folder / "stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                    continue
                words = (folder / "cmdline").read_bytes().decode().split("\0")[:-1]
                found.append(Process(int(folder.name), role_of(words), tuple(words)))
        servers = {p.pid for p in found if p.role == "server"}
        return [
            Process(p.pid, "worker", p.command)
            if p.role == "server" and (parent_of(p.pid) in servers or is_daemon(p.pid, servers))
            else p
            for p in found
        ]

    def children(self) -> list[int]:
        """Numbers of the runner's own children."""
        assert self.runner is not None
        return children_of(self.runner.pid)

    def levels(self) -> dict[tuple[int, int], str] | None:
        """Every committed load level, by experiment and index; None: no task was ever stored."""
        if not self.query("SELECT 1 FROM task"):
            return None
        events = self.query("SELECT body FROM event WHERE type = 'level_measured'")
        bodies = [json.loads(body) for (body,) in events]
        return {
            (body["experiment"], body["sub_round"]["index"]): json.dumps(body) for body in bodies
        }

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Read the store as it is on the disk; nothing, where there is none yet."""
        path = self.home / "autotuner.db"
        if not path.exists():
            return []
        with contextlib.closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
            try:
                return connection.execute(sql).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error) or "unable to open" in str(error):
                    return []
                raise

    def add_stranger(self) -> None:
        """Start a process with the command line of one of ours, that is not ours."""
        models = [p for p in self.processes() if p.role in {"server", "runner", "load worker"}]
        if not models or len(self.strangers) >= 4:
            return
        model = self.rng.choice(models)
        notes = self.folder / f"stranger-{len(self.strangers)}.txt"
        environment = {**os.environ, "DECOY": str(notes), "PYTHONPATH": str(STRANGER)}
        self.strangers.append(subprocess.Popen(model.command, cwd=ROOT, env=environment))

    def close(self) -> None:
        for stranger in self.strangers:
            stranger.kill()
            stranger.wait()
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    # What has to hold.

    async def check_nothing_is_left(self, after: str) -> None:
        """No process of an ended run, and none of its ports."""
        await self.until(lambda: not self.processes(), f"{after}: left over")
        for port in self.used_ports():
            # It may have been given to the run beside this one since.
            left = ports.is_listening(port) and not another_runs(port)
            assert not left, f"{after}: port {port} is open"

    async def until(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"{otherwise}: {self.processes()}"
            await asyncio.sleep(0.1)

    def used_ports(self) -> set[int]:
        launches = self.query("SELECT body FROM event WHERE type = 'server_launched'")
        return {int(json.loads(body)["url"].rpartition(":")[2]) for (body,) in launches}

    def check_nothing_is_lost(self, before: dict[tuple[int, int], str], after: str) -> None:
        """Every load level that was committed is still there, word for word."""
        now = self.levels() or {}
        assert before.items() <= now.items(), f"{after}: committed levels are lost"

    def check_strangers(self, after: str) -> None:
        """No stranger was ended, or even told to."""
        assert all(s.poll() is None for s in self.strangers), f"{after}: a stranger was ended"
        notes = [note.read_text() for note in self.folder.glob("stranger-*.txt")]
        assert not notes, f"{after}: a stranger got {notes}"

    def check_records(self) -> None:
        """After its end: no lease, no open experiment, no runner; no secret; no endless log."""
        assert not self.query("SELECT * FROM lease")
        assert not self.query("SELECT * FROM task WHERE runner IS NOT NULL")
        assert not self.query("SELECT * FROM experiment WHERE outcome IS NULL OR phase != 'done'")
        for path in self.home.rglob("*"):
            if path.is_file():
                assert path.stat().st_size < LONGEST_LOG, path
                assert path.stat().st_mode & 0o077 == 0, path
                assert SECRET.encode() not in path.read_bytes(), path

    async def tried(self) -> list[str]:
        """The configurations that came to an end of their own, as JSON, in order."""
        _, shown = await self.ask("show", "struck", "--json")
        ended = {"ok", "infeasible", "failed"}
        configurations = [
            json.dumps(e["configuration"], sort_keys=True)
            for e in sorted(json.loads(shown)["experiments"], key=lambda e: e["number"])
            if e["outcome"] in ended
        ]
        return list(dict.fromkeys(configurations))


def role_of(words: list[str]) -> str:
    line = " ".join(words)
    if "guardian.py" in line:
        return "guardian"
    if "core.load.worker" in line:
        return "load worker"
    if str(SERVER) in line or "core.engines.simulated" in line:
        return "server"
    return "runner"


def children_of(pid: int) -> list[int]:
    """Numbers of the children that any of its threads has."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, task.read_text().split())
    return found


def parent_of(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def is_daemon(pid: int, servers: set[int]) -> bool:
    """Whether a process with the server's command line has a server that is older beside it."""
    return any(other < pid and parent_of(other) == parent_of(pid) for other in servers)


def another_runs(port: int) -> bool:
    """Return whether it is a struck run's process that listens there now, or nobody any more."""
    holder = ports.listener(port)
    if holder is None:
        return not ports.is_listening(port)
    with suppress(OSError):
        return b"\0CHAOS=" in b"\0" + Path(f"/proc/{holder.pid}/environ").read_bytes()
    return not ports.is_listening(port)
