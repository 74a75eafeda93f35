"""HTTP/1.1 by hand: one connection, its requests one after the other, keep-alive. Refuses the rest.

A framework would cost more CPU for a streamed token than the whole simulation of it.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias, cast

import httptools

MAX_REQUEST = 32 * 2**20
"""Bytes of the longest request that is read, headers included."""
MAX_AHEAD = 32
"""Requests that a client may send ahead on one connection."""


@dataclass(frozen=True)
class HttpRequest:
    """One request, read to its end."""

    method: str
    path: str
    body: bytes
    version: str
    keep_alive: bool


Handler: TypeAlias = Callable[[HttpRequest, "Connection"], None]
"""Answers a request on its connection, at once or later: by `respond`, or by `write` and `end`."""


class Connection(asyncio.Protocol):
    """One client."""

    write: Callable[[bytes], None]
    """Send a part of an answer."""

    def __init__(self, handler: Handler, connections: "set[Connection]") -> None:
        self._handler = handler
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._answering: HttpRequest | None = None
        self._ahead: deque[HttpRequest] = deque()
        self._url = b""
        self._body: list[bytes] = []
        self._read = 0
        self._deaf = False
        """Whether nothing more is read: where a further request would begin is unknown."""
        self.on_disconnect: Callable[[], None] | None = None
        """Called when the client leaves before its answer is complete."""

    def respond(self, status: HTTPStatus, body: bytes, kind: str = "application/json") -> None:
        """Answer the current request."""
        kept = self._answering is not None and self._answering.keep_alive
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            f"content-type: {kind}\r\n"
            f"content-length: {len(body)}\r\n"
            f"connection: {'keep-alive' if kept else 'close'}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        self.end()

    def end(self) -> None:
        """Go on to the next request: the answer to the current one is complete."""
        request, self._answering, self.on_disconnect = self._answering, None, None
        if request is None or not request.keep_alive:
            self._transport.close()
        elif self._ahead:
            self._answer(self._ahead.popleft())
        elif self._deaf:
            self._transport.close()

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport over."""
        self._transport = cast("asyncio.Transport", transport)
        self.write = self._transport.write
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Let whoever is answering know that nobody listens any more."""
        self._connections.discard(self)
        if self.on_disconnect is not None:
            self.on_disconnect()

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        if self._deaf:
            return
        self._read += len(data)
        if self._read > MAX_REQUEST:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(HTTPStatus.BAD_REQUEST)

    def on_message_begin(self) -> None:
        """Parser: a request begins."""
        self._url, self._body = b"", []

    def on_url(self, url: bytes) -> None:
        """Parser: a part of its target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Parser: one of its headers."""
        waits = name.lower() == b"expect" and value.lower() == b"100-continue"
        if waits and self._answering is None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Parser: a part of its body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Parser: the request is read."""
        self._read = 0
        request = HttpRequest(
            method=self._parser.get_method().decode("latin-1"),
            path=self._url.partition(b"?")[0].decode("latin-1"),
            body=b"".join(self._body),
            version=self._parser.get_http_version(),
            keep_alive=self._parser.should_keep_alive(),
        )
        if self._answering is None:
            self._answer(request)
        elif len(self._ahead) < MAX_AHEAD:
            self._ahead.append(request)
        else:
            self._deaf = True

    def _answer(self, request: HttpRequest) -> None:
        self._answering = request
        self._handler(request, self)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer what cannot be read, unless an answer is under way, and read no more."""
        self._deaf = True
        if self._answering is None:
            self.respond(status, error_body(status, status.phrase))


def error_body(status: HTTPStatus, message: str) -> bytes:
    """Return an error as the OpenAI API words it."""
    error = {"message": message, "type": status.phrase.replace(" ", ""), "code": status.value}
    return json.dumps({"object": "error", "message": message, "error": error}).encode()
