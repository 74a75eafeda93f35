"""A server that answers by script, byte for byte: real sockets, no HTTP library in between."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any, Self, TypeAlias


class Do(Enum):
    """A step that is neither bytes nor a pause."""

    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"


Step: TypeAlias = bytes | float | Do
"""Bytes to write at once, seconds to wait, or something to do."""


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    number: int
    """Among all requests, from 0."""
    connection: int
    """Which connection it came on, from 0."""
    on_connection: int
    """Among the requests on that connection, from 0."""
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def tokens(self) -> int:
        return int(self.body["max_tokens"])


Script: TypeAlias = Callable[[Asked], Iterable[Step]]


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def framed(body: bytes) -> bytes:
    """Return an HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def event(said: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(said).encode() + b"\n\n"


def token(text: str = " token", finish: str | None = None) -> bytes:
    return event({"choices": [{"index": 0, "text": text, "finish_reason": finish}]})


def usage(prompt: int, output: int) -> bytes:
    counts = {"prompt_tokens": prompt, "completion_tokens": output}
    return event({"choices": [], "usage": counts})


def answer(tokens: int, *, ttft: float = 0.0, itl: float = 0.0, prompt: int = 10) -> Iterator[Step]:
    """A well-behaved answer."""
    yield ttft
    yield HEAD + framed(token())
    for _ in range(tokens - 1):
        yield itl
        yield framed(token())
    yield framed(usage(prompt, tokens)) + framed(DONE) + END


def refusal(status: int, message: str) -> bytes:
    """An error reply with a JSON body."""
    content = json.dumps({"error": {"message": message}}).encode()
    head = f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def obliging(asked: Asked) -> Iterable[Step]:
    """Answer as asked, at once."""
    return answer(asked.tokens)


def words(text: str) -> int:
    """Count the tokens of a prompt as if each word were one."""
    return len(text.split())


@dataclass
class ScriptedServer:
    """Use as an asynchronous context manager. Only streamed requests are scripted."""

    script: Script = obliging
    tokenize: Callable[[str], int] = words
    """What a request that is not streamed is told in its usage."""
    tls: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, ssl=self.tls, backlog=512
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection, self.connections = self.connections, self.connections + 1
        on_connection = 0
        try:
            while True:
                path, headers, body = await _request(reader)
                if not body:
                    writer.write(refusal(404, f"there is no {path}"))
                    continue
                if not body.get("stream"):
                    writer.write(self._counted(body))
                    continue
                asked = Asked(len(self.asked), connection, on_connection, path, headers, body)
                on_connection += 1
                self.asked.append(asked)
                for step in self.script(asked):
                    if not await _do(step, writer):
                        return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _counted(self, body: dict[str, Any]) -> bytes:
        """Answer a request that asks for nothing but a token count."""
        prompt = body.get("prompt") or body["messages"][-1]["content"]
        usage = {"prompt_tokens": self.tokenize(prompt), "completion_tokens": 1}
        content = json.dumps({"choices": [{"text": "x"}], "usage": usage}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n"
        return head.encode() + content


async def _request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], dict[str, Any]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if line)
    content = await reader.readexactly(int(headers.get("content-length", "0")))
    return first.split()[1], headers, json.loads(content) if content else {}


async def _do(step: Step, writer: asyncio.StreamWriter) -> bool:
    """Carry a step out; return whether the connection lives on."""
    match step:
        case bytes():
            writer.write(step)
            await writer.drain()
        case Do.CLOSE:
            return False
        case Do.RESET:
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        case Do.HANG:
            await asyncio.Event().wait()
        case _:
            await asyncio.sleep(step)
    return True
