"""A server with every bad habit at once, that serves all the same. Standard library only.

It forks a worker and a daemon with a session of its own, none of which SIGTERM ends, and floods its
log. With DECOY in the environment it only sleeps: a stranger with the very same command line.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import time

FLOOD = b"INFO step 17: 12 running, 3 queued, cache 81 % " + b"." * 950 + b"\n"


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


def answer(status: str, body: dict) -> bytes:
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}"
    return head.encode() + b"\r\n\r\n" + text


async def serve(port: int, batch: int) -> None:
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
        tokens = asked["max_tokens"]
        usage = {"prompt_tokens": len(asked["prompt"].split()), "completion_tokens": tokens}
        if not asked.get("stream"):
            writer.write(answer("200 OK", {"choices": [{"text": " x"}], "usage": usage}))
            return
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

    async with await asyncio.start_server(handle, "127.0.0.1", port) as server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--batch", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "DECOY" in os.environ:
        sleep_for_good()
    fork_worker()
    fork_daemon()
    sys.stdout.buffer.write(FLOOD * 2_000)
    sys.stdout.flush()
    asyncio.run(serve(options.port, options.batch))


if __name__ == "__main__":
    main()
