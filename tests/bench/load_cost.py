"""CPU per streamed token, by client: `python -m tests.bench.load_cost [REPEATS [STREAMS]]`.

The others run in an environment that is made for this (aiohttp and httpx from the package index),
or in that of $LOAD_BENCH_PYTHON. Each round measures every client once, against a stub of its own;
figures are medians of rounds, ratios the medians of the rounds' ratios. At 1,024 streams tokens
come every 40 ms, not 10: a client that cannot keep up reads several tokens at once, which is cheap
and wrong.
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from statistics import median

from tests.bench.load_run import measure
from tests.bench.load_stub import Stub

CLIENTS = ("aiohttp", "vllm", "httpx")
SECONDS = 5


def environment(folder: Path) -> str:
    """Return a Python that has the other clients."""
    if given := os.environ.get("LOAD_BENCH_PYTHON"):
        return given
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "aiohttp", "httpx"], check=True)
    return python


def other(python: str, client: str, streams: int, itl: float) -> tuple[float, float]:
    """Return microseconds of CPU per token, and tokens per second."""
    script = str(Path(__file__).with_name("load_clients.py"))
    with Stub(itl=itl) as stub:
        command = [python, script, client, stub.url, str(streams), str(SECONDS)]
        said = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    if not said["tokens"]:
        return float("inf"), 0.0
    return said["cpu"] / said["tokens"] * 1e6, said["tokens"] / said["seconds"]


def ours(streams: int, itl: float) -> tuple[float, float]:
    cycle = 0.05 + 99 * itl
    with Stub(itl=itl) as stub:
        run = measure(stub.url, streams=streams, requests=round(streams * max(2, SECONDS / cycle)))
    return run.cpu_per_token, run.result.output_throughput


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory(prefix="load-bench-") as folder:
        python = environment(Path(folder))
        for streams, itl in ((64, 0.01), (256, 0.02), (1024, 0.04)):
            if len(sys.argv) > 2 and streams != int(sys.argv[2]):
                continue
            rounds = []
            for _ in range(repeats):
                found = {"load worker": ours(streams, itl)}
                for client in CLIENTS:
                    found[client] = other(python, client, streams, itl)
                rounds.append(found)
            print(f"{streams} streams, ITL {itl * 1e3:g} ms, medians of {repeats} rounds")
            for client in rounds[0]:
                cost = median(found[client][0] for found in rounds)
                rate = median(found[client][1] for found in rounds)
                ratio = median(found["load worker"][0] / found[client][0] for found in rounds)
                print(
                    f"  {client:12} {cost:9.1f} µs/token {rate:9.0f} tokens/s   ratio {ratio:.3f}"
                )


if __name__ == "__main__":
    main()
