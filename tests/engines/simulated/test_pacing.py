"""The server on the wall's clock against the model in virtual time: they tell the same story."""

import asyncio
import json
import subprocess
import sys
import time
from statistics import fmean

import httpx
import pytest

from core.engines.simulated.simulation import simulate
from core.engines.simulated.startup import READY
from core.engines.simulated.workload import Workload
from core.task import Level, Scenario

MODEL, GPU = "llama-3.1-8b", "H100-80GB"
PROMPT, ANSWER, CLIENTS, REQUESTS = 400, 40, 8, 32
ATTEMPTS = 4
"""Other work on the host makes clients late; in none of so many runs that is no accident."""
READY_AT_ONCE = """
import sys
from dataclasses import replace
from core.engines.simulated.arguments import parse_arguments, settle
from core.engines.simulated.server import serve
from core.engines.simulated.startup import launch
launched = launch(settle(parse_arguments(sys.argv[1:])))
at_once = tuple(replace(line, delay=0.0) for line in launched.lines)
sys.exit(serve(replace(launched, lines=at_once)))
"""


async def client(port: int, prompts: list[str], latencies: list[float]) -> None:
    """Ask for one answer after the other over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while prompts:
        fields = {"prompt": prompts.pop(), "max_tokens": ANSWER, "ignore_eos": True}
        body = json.dumps({**fields, "stream": True}).encode()
        head = f"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        began = time.perf_counter()
        writer.write(head.encode() + body)
        await reader.readuntil(b"0\r\n\r\n")
        latencies.append(time.perf_counter() - began)
    writer.close()
    await writer.wait_closed()


async def load(port: int) -> list[float]:
    prompts = [" ".join(f"w{i}x{k}" for k in range(PROMPT)) for i in range(REQUESTS)]
    latencies: list[float] = []
    async with asyncio.timeout(60):
        await asyncio.gather(*[client(port, prompts, latencies) for _ in range(CLIENTS)])
    return latencies


def mean_of(page: str, name: str) -> float:
    values = {
        line.partition("{")[0]: float(line.rpartition(" ")[2])
        for line in page.splitlines()
        if line.startswith(f"sglang:{name}_")
    }
    return values[f"sglang:{name}_sum"] / values[f"sglang:{name}_count"]


def over_http(speed: int) -> tuple[float, float, float]:
    """Return mean E2E latency and TTFT as the server counts them, and E2E as the client does."""
    flags = ["--model", MODEL, "--gpu", GPU, "--noise", "0", "--speed", str(speed), "--port", "0"]
    words = [sys.executable, "-c", READY_AT_ONCE, *flags]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            listening = process.stdout.readline()
            while READY not in process.stdout.readline():
                assert process.poll() is None
            port = int(listening.rpartition("127.0.0.1:")[2].partition(",")[0])
            latencies = asyncio.run(load(port))
            page = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        finally:
            process.kill()
    assert len(latencies) == REQUESTS
    return (
        mean_of(page, "e2e_request_latency_seconds"),
        mean_of(page, "time_to_first_token_seconds"),
        fmean(latencies) * speed,
    )


def close(served: tuple[float, ...], expected: tuple[float, ...], room: tuple[float, ...]) -> bool:
    return all(abs(a / b - 1) <= r for a, b, r in zip(served, expected, room, strict=True))


@pytest.mark.parametrize(("speed", "room"), [(1, (0.05, 0.2, 0.1)), (10, (0.15, 0.4, 0.4))])
def test_http_and_virtual_time_agree(speed: int, room: tuple[float, ...]) -> None:
    """E2E and TTFT by the server's clock, and E2E by the client's, against the model.

    A client that is late by a millisecond is late by `speed` milliseconds of the simulation, and
    requests that should meet in one prefill step miss it; hence more room at a higher speed.
    """
    level = Level(scenario=Scenario.model_validate(f"D({PROMPT},{ANSWER})"), concurrency=CLIENTS)
    result = simulate({"noise": 0}, [Workload(level, requests=REQUESTS)], model=MODEL, gpu=GPU)
    e2e, ttft = fmean(result.levels[0].e2e_latency), fmean(result.levels[0].ttft)
    runs = []
    while len(runs) < ATTEMPTS:
        runs.append(over_http(speed))
        if close(runs[-1], (e2e, ttft, e2e), room):
            return
    pytest.fail(f"{runs} do not agree with {(e2e, ttft, e2e)}")
