"""A server with every bad habit at once, that serves all the same. Standard library only.

It forks a worker and a daemon with a session of its own, which hold its port, none of which SIGTERM
ends; it tells its log its token and floods it. Files in the folder ORDERS have it misbehave once:

    crash-starting · crash-warming · crash-measuring    it crashes then
    strike-starting · -warming · -measuring · -stopping it kills its guardian then
    give-up-port                                        it lets a stranger take its port first
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

FLOOD = b"INFO step 17: 12 running, 3 queued, cache 81 % " + b"." * 950 + b"\n"
ORDERS = Path(os.environ.get("ORDERS", "/nonexistent"))
MEASURING = 14
"""Streams after which a server of this test is being measured, and not warmed up any more."""


def ordered(what: str) -> bool:
    """Whether this was ordered; once."""
    try:
        (ORDERS / what).unlink()
    except OSError:
        return False
    return True


def misbehave(phase: str) -> None:
    """Do what was ordered for this phase of the server's life, if anything was."""
    if ordered(f"strike-{phase}"):
        os.kill(os.getppid(), signal.SIGKILL)
    if ordered(f"crash-{phase}"):
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)


def sleep_for_good() -> None:
    while True:
        time.sleep(600)


def fork_worker() -> None:
    if os.fork() == 0:
        sleep_for_good()


def fork_daemon() -> None:
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            sleep_for_good()
        os._exit(0)
    os.waitpid(child, 0)


def give_up_port(port: int) -> None:
    """Have a stranger take the port, and go on when that has happened."""
    (ORDERS / "port-offered").write_text(str(port))
    deadline = time.monotonic() + 30
    while not ordered("port-taken") and time.monotonic() < deadline:
        time.sleep(0.01)


def answer(status: str, body: dict) -> bytes:
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}"
    return head.encode() + b"\r\n\r\n" + text


async def serve(listener: socket.socket, batch: int) -> None:
    streams = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                await converse(line.split()[1].decode(), reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def converse(
        path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        length = 0
        while (header := await reader.readline()) != b"\r\n":
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        asked = json.loads(await reader.readexactly(length) if length else b"{}")
        if path == "/v1/models":
            writer.write(answer("200 OK", {"data": [{"id": "nasty"}]}))
        elif path == "/health":
            writer.write(answer("200 OK", {}))
        elif path == "/v1/completions":
            await complete(asked, writer)
        else:
            writer.write(answer("404 Not Found", {}))
        await writer.drain()

    async def complete(asked: dict, writer: asyncio.StreamWriter) -> None:
        nonlocal streams
        tokens = asked["max_tokens"]
        usage = {"prompt_tokens": len(asked["prompt"].split()), "completion_tokens": tokens}
        if not asked.get("stream"):
            writer.write(answer("200 OK", {"choices": [{"text": " x"}], "usage": usage}))
            return
        streams += 1
        misbehave("measuring" if streams > MEASURING else "warming")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(tokens):
            await asyncio.sleep(0.01 / batch)
            send(writer, json.dumps({"choices": [{"text": " x"}]}))
        send(writer, json.dumps({"choices": [], "usage": usage}))
        send(writer, "[DONE]")
        writer.write(b"0\r\n\r\n")

    def send(writer: asyncio.StreamWriter, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        writer.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")

    async with await asyncio.start_server(handle, sock=listener) as server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--batch", type=int, default=1)
    options = parser.parse_args()
    own = os.getpid()
    signal.signal(signal.SIGTERM, lambda *_: misbehave("stopping") if os.getpid() == own else None)
    print("args:", vars(options), "token:", os.environ.get("HF_TOKEN"), flush=True)
    misbehave("starting")
    if ordered("give-up-port"):
        give_up_port(options.port)
    listener = socket.create_server(("127.0.0.1", options.port))
    fork_worker()
    fork_daemon()
    sys.stdout.buffer.write(FLOOD * int(os.environ.get("FLOOD_KIB", "100")))
    sys.stdout.flush()
    asyncio.run(serve(listener, options.batch))


if __name__ == "__main__":
    main()
