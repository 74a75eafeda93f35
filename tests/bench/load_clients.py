"""Clients that the load worker is held against. Run by `load_cost`, in an environment of its own.

    python load_clients.py CLIENT URL STREAMS SECONDS

aiohttp   a closed loop that parses no more than the load worker does
vllm      a closed loop that does for each request what vLLM's benchmark does: it parses the JSON of
          every event, stamps every chunk and joins the text (an imitation, not vLLM's code)
httpx     a closed loop over `aiter_lines`

Slots start spread over a second, as steady load is. Prints tokens, CPU seconds and median TTFT over
SECONDS after that, as JSON.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable

BODY = {"model": "stub", "prompt": " the" * 100, "max_tokens": 100, "stream": True}
SPREAD, SETTLE = 1.0, 1.5

tokens = 0
ttfts: list[float] = []


async def aiohttp_client(url: str) -> tuple[Callable[[], Awaitable[None]], Callable[[], None]]:
    import aiohttp

    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None)
    )

    async def ask() -> None:
        global tokens
        sent, last, gaps = time.monotonic_ns(), 0, []
        async with session.post(url, json=BODY) as reply:
            async for piece in reply.content.iter_any():
                now = time.monotonic_ns()
                for event in piece.split(b"\n\n"):
                    at = event.find(b'"text":"')
                    if at > 0 and event[at + 8] != 34:
                        tokens += 1
                        if last:
                            gaps.append(now - last)
                        else:
                            ttfts.append((now - sent) / 1e9)
                        last = now

    return ask, session._connector.close


async def vllm_client(url: str) -> tuple[Callable[[], Awaitable[None]], Callable[[], None]]:
    import aiohttp

    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None)
    )

    async def ask() -> None:
        global tokens
        sent = latest = time.perf_counter()
        first, text, gaps, pending = True, "", [], ""
        async with session.post(url, json=BODY) as reply:
            async for piece in reply.content.iter_any():
                pending += piece.decode()
                while "\n\n" in pending:
                    message, pending = pending.split("\n\n", 1)
                    message = message.strip()
                    if not message or message.startswith(":"):
                        continue
                    data = message.removeprefix("data: ")
                    if data == "[DONE]":
                        continue
                    said = json.loads(data)
                    if choices := said.get("choices"):
                        now = time.perf_counter()
                        tokens += 1
                        if first:
                            first = False
                            ttfts.append(now - sent)
                        else:
                            gaps.append(now - latest)
                        latest = now
                        text += choices[0].get("text") or ""

    return ask, session._connector.close


async def httpx_client(url: str) -> tuple[Callable[[], Awaitable[None]], Callable[[], None]]:
    import httpx

    client = httpx.AsyncClient(limits=httpx.Limits(max_connections=None), timeout=None)

    async def ask() -> None:
        global tokens
        sent, last, gaps = time.monotonic_ns(), 0, []
        async with client.stream("POST", url, json=BODY) as reply:
            async for line in reply.aiter_lines():
                now = time.monotonic_ns()
                at = line.find('"text":"')
                if at > 0 and line[at + 8] != '"':
                    tokens += 1
                    if last:
                        gaps.append(now - last)
                    else:
                        ttfts.append((now - sent) / 1e9)
                    last = now

    return ask, lambda: None


CLIENTS = {"aiohttp": aiohttp_client, "vllm": vllm_client, "httpx": httpx_client}


async def main(client: str, url: str, streams: int, seconds: float) -> None:
    ask, _ = await CLIENTS[client](f"{url}/v1/completions")

    async def slot(delay: float) -> None:
        await asyncio.sleep(delay)
        while True:
            await ask()

    slots = [asyncio.create_task(slot(SPREAD * n / streams)) for n in range(streams)]
    await asyncio.sleep(SPREAD + SETTLE)
    before, cpu, began, asked = tokens, time.process_time(), time.monotonic(), len(ttfts)
    await asyncio.sleep(seconds)
    measured = sorted(ttfts[asked:])
    result = {
        "tokens": tokens - before,
        "cpu": time.process_time() - cpu,
        "seconds": time.monotonic() - began,
        "ttft": measured[len(measured) // 2] if measured else None,
        "failed": sum(slot.done() for slot in slots),
    }
    print(json.dumps(result), flush=True)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
