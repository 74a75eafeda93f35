"""What the app costs the wire and the machine: `python -m tests.bench.tui [PIECE ...]`.

    start     time to the first paint, and which faces import Textual
    live      bytes and CPU at rest and during a real run on the simulated engine
    keys      from a key to its paint, with 10,000 experiments and a run that goes on
    memory    growth over an hour's keys, pressed as fast as they are drawn, of the same

Everything is measured from a pseudo-terminal of 120 by 40. Each piece takes under three minutes;
let the machine be idle, since key and start times are those of the clock. Memory is the resident
set less what is shared with files. Where the time does not suffice for every key of the hour, the
slope over the second half tells what the rest would add.
"""

import os
import random
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median, quantiles

from tests.tui.real_terminal import APP, RealTerminal

COUNT = 10_000
PRESSES = 3_600
"""An hour of a key a second, which nobody keeps up."""
PYTHON = sys.executable

LIVE = """\
task_name: live
model: {id_or_path: llama-3.1-8b}
base_runtime: simulated
engine: {arguments: {gpu: RTX-4090, start-speed: 25}}
parameters: {quantization: [null, fp8], chunked-prefill-size: [2048, 4096, 8192]}
optimization: {objective: maximize_throughput, strategy: grid_search}
benchmark:
  traffic_scenarios: ["D(400,200)"]
  num_concurrency: [4]
  max_requests_per_iteration: 2000
  max_time_per_iteration: 12s
slo: {ttft: {p90: {threshold: 0.2}}}
"""
TINY = LIVE.replace("12s", "2s").replace("2000", "8").replace("[2048, 4096, 8192]", "[2048]")

CURSOR = b"48;2;43;51;64"
"""The background of the row under the cursor: whatever moves it paints that row."""

HERE = "▸".encode()
"""Stands before the name of the screen that is shown."""


class Wire(RealTerminal):
    """The app in a terminal that draws nothing and notes when what arrives."""

    def __init__(self, home: Path, command: tuple[str, ...] = APP) -> None:
        self.began = time.monotonic()
        super().__init__(
            command, home=home, width=120, height=40, environment={"COLORTERM": "truecolor"}
        )
        self._stream.feed = lambda _: None  # type: ignore[method-assign]

    def until(self, mark: bytes, since: int = 0, patience: float = 60.0) -> float:
        """Read until `mark` has come after that many bytes; return when."""
        end = time.monotonic() + patience
        while mark not in self.received[since:]:
            if time.monotonic() > end:
                raise TimeoutError(f"{mark!r} did not come")
            self.read_once(0.05)
        return time.monotonic()

    def read_once(self, seconds: float) -> None:
        """Take in the next piece that arrives."""
        if select.select([self.master], [], [], seconds)[0]:
            self.received += os.read(self.master, 65536)

    def settle(self, seconds: float) -> int:
        """Read for some time and return how many bytes came."""
        end, before = time.monotonic() + seconds, len(self.received)
        while (left := end - time.monotonic()) > 0:
            self.read_once(left)
        return len(self.received) - before

    def key(self, key: str, mark: bytes) -> float:
        """Press a key and return how long its paint took, in seconds."""
        since, began = len(self.received), time.monotonic()
        self.keys(key)
        return self.until(mark, since) - began

    @property
    def cpu(self) -> float:
        """Seconds of a core that the app has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> dict[str, float]:
        """Resident megabytes: in all, and of its own."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = {name: int(kb) / 1024 for name, kb in re.findall(r"(\w+):\s+(\d+) kB", text)}
        return {"all": found["VmRSS"], "own": found["RssAnon"]}

    def share(self, seconds: float) -> tuple[float, float]:
        """Return bytes a second, and the share of a core, over some time."""
        cpu, began = self.cpu, time.monotonic()
        came = self.settle(seconds)
        passed = time.monotonic() - began
        return came / passed, (self.cpu - cpu) / passed


def row(what: str, figure: str, target: str = "", *, held: bool | None = None) -> None:
    mark = {True: "✓", False: "✗", None: " "}[held]
    print(f"{mark} {what:<58} {figure:>14}  {target}", flush=True)


def environment(home: Path) -> Mapping[str, str]:
    return {**os.environ, "AUTOTUNER_HOME": str(home)}


@contextmanager
def started(*command: str, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process beside the app, which is asked to end at the end."""
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(
        command, env=environment(home), stdin=nothing, stdout=nothing, stderr=nothing
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def quit_app(wire: Wire) -> None:
    wire.keys("q")
    wire.until(b"\x1b[?1049l")
    wire.process.wait(30)


# The pieces


def start(folder: Path) -> None:
    home = filled(folder)
    frames, rows, cpu = [], [], []
    for _ in range(11):
        with Wire(home) as wire:
            frames.append(wire.until(b"autotuner") - wire.began)
            rows.append(wire.until(b"long#1") - wire.began)
            cpu.append(wire.cpu)
            quit_app(wire)
    least, middle = min(frames[1:]), median(frames[1:])
    row("first paint, median of 10", f"{middle:.2f} s", "≤ 0.5 s", held=middle <= 0.5)
    row("first paint, fastest", f"{least:.2f} s")
    row("list of tasks there, median", f"{median(rows[1:]):.2f} s")
    row("CPU until then, median", f"{median(cpu[1:]):.2f} s")
    (folder / "tiny.yaml").write_text(TINY)
    home = folder / "tiny-home"
    for face in (["--help"], ["--run", str(folder / "tiny.yaml")]):
        command = [PYTHON, "-X", "importtime", "-m", "core.cli", *face]
        done = subprocess.run(command, env=environment(home), capture_output=True, timeout=150)
        imported = len(re.findall(rb"\| +(?:textual|tui)\b", done.stderr))
        assert b"core.cli" in done.stderr, "or this proves nothing"
        row(f"modules of Textual that {face[0]} imports", str(imported), "0", held=imported == 0)


def live(folder: Path) -> None:
    (folder / "live.yaml").write_text(LIVE)
    home = folder / "live-home"
    command = (PYTHON, "-m", "core.cli", "--run", str(folder / "live.yaml"))
    with started(*command, home=home) as run, Wire(home) as wire:
        wire.until(b"live#1")
        wire.settle(2)
        wire.key("\r", b"experiment 0")
        wire.settle(20)  # the first experiment is measured
        sent, cpu = wire.share(45)
        assert run.poll() is None, "the run ended too early"
        row("live run, task screen: bytes/s", f"{sent:,.0f}", "≤ 6,000", held=sent <= 6000)
        row("live run, task screen: share of a core", f"{cpu:.2%}", "≤ 3 %", held=cpu <= 0.03)
        wire.key("1", HERE)
        wire.settle(2)
        sent, cpu = wire.share(20)
        row("live run, list of tasks: bytes/s", f"{sent:,.0f}", "≤ 6,000", held=sent <= 6000)
        row("live run, list of tasks: share of a core", f"{cpu:.2%}", "≤ 3 %", held=cpu <= 0.03)
        wire.key("4", HERE)
        wire.settle(2)
        sent, cpu = wire.share(20)
        row("live run, chart: bytes/s", f"{sent:,.0f}", "≤ 6,000", held=sent <= 6000)
        row("live run, chart: share of a core", f"{cpu:.2%}", "≤ 3 %", held=cpu <= 0.03)
        quit_app(wire)
    with Wire(home) as wire:
        wire.until(b"live#1")
        for key, name in (("", "list of tasks"), ("\r", "task screen")):
            wire.keys(key)
            wire.settle(4)
            sent, cpu = wire.share(12)
            row(f"idle, {name}: bytes/s", f"{sent:,.0f}", "0", held=sent == 0)
            row(f"idle, {name}: share of a core", f"{cpu:.2%}", "≤ 0.5 %", held=cpu <= 0.005)
        quit_app(wire)


MOVES = {"j": "down a row", "k": "up a row", "\x1b[6~": "page down", "\x1b[5~": "page up",
         "G": "to the last", "g": "to the first"}  # fmt: skip
JUMPS = {
    "1": "tasks",
    "2": "task",
    "4": "chart",
    "3": "experiment",
    "6": "GPUs",
    "8": "report",
    "\x1b": "back",
}


def keys(folder: Path) -> None:
    home = filled(folder)
    chance = random.Random(1)
    with going_on(home), Wire(home) as wire:
        wire.until(b"long#1")
        wire.settle(2)
        wire.key("\r", b"following")
        wire.settle(5)
        wire.key("g", CURSOR)
        times: dict[str, list[float]] = {key: [] for key in MOVES}
        walk = ["j"] * 12 + ["k"] * 6 + ["\x1b[6~"] * 4 + ["\x1b[5~"] * 2
        cpu, end = wire.cpu, time.monotonic() + 75
        while time.monotonic() < end:
            for key in [*chance.sample(walk, len(walk)), "G", "g"]:
                if key in "k\x1b[5~":  # at the top nothing would move
                    wire.key("j", CURSOR)
                times[key].append(wire.key(key, CURSOR))
                wire.settle(chance.uniform(0.0, 0.12))
        told("key to paint", times, MOVES)
        pressed = sum(map(len, times.values()))
        row("CPU a key, with what else went on", f"{(wire.cpu - cpu) / pressed * 1000:.0f} ms")
        sent, cpu = wire.share(20)
        row("10,000 experiments, live: bytes/s", f"{sent:,.0f}", "≤ 6,000", held=sent <= 6000)
        row("10,000 experiments, live: share of a core", f"{cpu:.2%}", "≤ 3 %", held=cpu <= 0.03)
        times = {key: [] for key in JUMPS}
        end = time.monotonic() + 30
        first = True
        while time.monotonic() < end:
            for key in JUMPS:
                seconds = wire.key(key, HERE)
                if not first:  # that one loads the screen's modules
                    times[key].append(seconds)
                wire.settle(chance.uniform(0.3, 0.6))
            first = False
        told("screen to paint", times, JUMPS)
        quit_app(wire)


def told(what: str, times: Mapping[str, list[float]], names: Mapping[str, str]) -> None:
    for key, taken in times.items():
        row(f"{what}: {names[key]}, p50 of {len(taken)}", f"{median(taken) * 1000:.0f} ms")
    taken = [t for of in times.values() for t in of]
    cuts = quantiles(taken, n=100)
    row(f"{what}, p50 of {len(taken)}", f"{cuts[49] * 1000:.0f} ms")
    row(f"{what}, p99 of {len(taken)}", f"{cuts[98] * 1000:.0f} ms", "≤ 50 ms",
        held=cuts[98] <= 0.05)  # fmt: skip


def memory(folder: Path) -> None:
    home = filled(folder)
    chance = random.Random(2)
    with going_on(home), Wire(home) as wire:
        wire.until(b"long#1")
        wire.settle(2)
        wire.keys("\r")
        wire.settle(5)
        seen: list[tuple[float, float]] = []
        end = wire.began + 170
        for pressed in range(1, PRESSES + 1):
            wire.keys(chance.choice([*MOVES, *JUMPS]))
            wire.read_once(0.3)
            wire.settle(0.01)
            wire.received.clear()
            if pressed % 50 == 0:
                seen.append((pressed, wire.memory["own"]))
            if time.monotonic() > end:
                break
        most = wire.memory
        growth = _slope(seen[len(seen) // 2 :]) * 1000
        hour = most["all"] + max(0.0, growth) * (PRESSES - pressed) / 1000
        row(f"memory after {pressed:,} keys, resident", f"{most['all']:.0f} MB")
        row(f"memory after {pressed:,} keys, its own", f"{most['own']:.0f} MB")
        row("growth over the second half, per 1,000 keys", f"{growth:.1f} MB")
        row(f"memory after {PRESSES:,} keys", f"{hour:.0f} MB", "≤ 120 MB", held=hour <= 120)
        quit_app(wire)


def _slope(points: list[tuple[float, float]]) -> float:
    """Return the slope of the straight line with the least squares."""
    x0 = sum(x for x, _ in points) / len(points)
    y0 = sum(y for _, y in points) / len(points)
    return sum((x - x0) * (y - y0) for x, y in points) / sum((x - x0) ** 2 for x, _ in points)


def filled(folder: Path) -> Path:
    """Return a home folder with 10,000 experiments, made if it is not there yet."""
    home = folder / "long-home"
    if not home.exists():
        command = [PYTHON, "-m", "tests.bench.tui_history", str(home), str(COUNT)]
        subprocess.run(command, check=True)
    return home


def going_on(home: Path) -> AbstractContextManager[object]:
    return started(PYTHON, "-m", "tests.bench.tui_history", str(home), "live", home=home)


PIECES: dict[str, Callable[[Path], None]] = {
    "start": start, "live": live, "keys": keys, "memory": memory,
}  # fmt: skip


def main() -> None:
    asked = sys.argv[1:] or list(PIECES)
    if unknown := set(asked) - set(PIECES):
        sys.exit(f"no such piece: {', '.join(sorted(unknown))}; there are {', '.join(PIECES)}")
    with tempfile.TemporaryDirectory(prefix="tui-bench-") as made:
        folder = Path(os.environ.get("TUI_BENCH_FOLDER") or made)
        filled(folder)
        for name in asked:
            print(f"\n=== {name} (load average {os.getloadavg()[0]:.1f})", flush=True)
            PIECES[name](folder)


if __name__ == "__main__":
    main()
