"""Requests as bytes, written before the clock starts."""

import json
import math
from collections import deque
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from core.load.datasets import Messages, as_text
from core.load.exchange import Request
from core.load.plan import Target
from core.load.sources import Draft

STOCK_BYTES = 16 * 2**20
"""Most bytes of requests that are held ready."""


class RequestWriter:
    """Turns prompts into HTTP requests to one target."""

    def __init__(self, target: Target) -> None:
        parts = urlsplit(target.base_url)
        self._chat = target.endpoint == "chat"
        self.route = f"/v1/{'chat/completions' if self._chat else 'completions'}"
        head = [
            f"POST {parts.path}{self.route} HTTP/1.1",
            f"Host: {parts.netloc.rpartition('@')[2]}",
            "Content-Type: application/json",
            "Accept: text/event-stream",
            *(f"{name}: {value}" for name, value in target.headers().items()),
        ]
        self._head = "\r\n".join(head).encode()
        self._target = target

    def body(self, prompt: str | Messages, output_tokens: int) -> dict[str, Any]:
        """Return the body of a streamed request: a prompt, or the messages of a conversation."""
        target = self._target
        return {
            "model": target.model,
            **({"messages": _as_messages(prompt)} if self._chat else {"prompt": as_text(prompt)}),
            "stream": True,
            "stream_options": {"include_usage": True},
            **dict.fromkeys(target.length_fields, output_tokens),
            **target.extras,
        }

    def wire(self, body: dict[str, Any]) -> bytes:
        """Return the request's bytes."""
        content = json.dumps(body, separators=(",", ":")).encode()
        return b"%b\r\nContent-Length: %d\r\n\r\n%b" % (self._head, len(content), content)

    def request(self, draft: Draft, *, share: float | None = None) -> Request:
        """Return a draft as a request; one that opens a slot has its answer cut to `share`."""
        prompt, prompt_tokens, output_tokens = draft
        if share is not None:
            output_tokens = shortened(output_tokens, share)
        wire = self.wire(self.body(prompt, output_tokens))
        return Request(wire, prompt_tokens, output_tokens, opening=share is not None)


def _as_messages(prompt: str | Messages) -> Messages:
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt


class Stock:
    """Requests held ready, so that none has to be written between an answer and the next."""

    def __init__(self, requests: Iterator[Request], count: int) -> None:
        self._requests = requests
        self._ready: deque[Request] = deque()
        held = 0
        while len(self._ready) < count and held < STOCK_BYTES and self._add():
            held += len(self._ready[-1].wire)
        self._level = len(self._ready)

    def take(self) -> Request:
        """Return the next request.

        Raises:
            StopIteration: there are no more.
        """
        return self._ready.popleft() if self._ready else next(self._requests)

    def top_up(self) -> None:
        """Write one request, where the stock has run low."""
        if len(self._ready) < self._level // 4:
            self._add()

    def _add(self) -> bool:
        request = next(self._requests, None)
        if request is None:
            return False
        self._ready.append(request)
        return True


def opening_shares(count: int, rng: np.random.Generator) -> list[float]:
    """Return by how much each slot of a closed loop cuts its first answer short, in (0, 1].

    A loop that has run for long finds each slot at a random point of its request. Slots that all
    start with whole requests march in step instead, and with answers of one length for ever.
    """
    shares = (np.arange(count) + 1.0) / count
    return [float(share) for share in rng.permutation(shares)]


def shortened(tokens: int, share: float) -> int:
    """Return an answer's length after the cut, at least 1 token."""
    return max(1, math.ceil(tokens * share))
