"""Answers: words that mean nothing, and the bytes that carry them to the client. Pure.

All words are equally long, so every streamed event of an answer has the same length and is put
together from parts that are built once: a token has to cost next to nothing, because server and
client often share two cores.
"""

import json
import zlib
from itertools import product
from typing import Any

from core.engines.simulated.completions import Ask, tokenize
from core.engines.simulated.prefix_cache import TOKEN_BYTES

WORDS = ["".join(letters).encode() for letters in product("bdgk", "aeiu", "lr", "o", "nt")]
"""Every answer is a part of the endless row of these."""

_TOKENS = tokenize(b" ".join(WORDS).decode())
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
_STREAM_END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class Answer:
    """The answer to one request, word by word or as a whole."""

    __slots__ = ("_ask", "_begin", "_envelope", "_head", "_reason", "_tail", "length")

    def __init__(self, ask: Ask, limit: int, *, identity: int, model: str, created: int) -> None:
        """
        Args:
            ask: the request.
            limit: most tokens of the answer.
            identity: number of the request.
            model: name of the model in the answer.
            created: Unix time.
        """
        self.length = ask.answer(limit)
        """Tokens that will be generated."""
        self._reason = "length" if self.length == limit else "stop"
        self._ask = ask
        self._begin = zlib.crc32(ask.tokens)
        kind = "chat.completion" if ask.chat else "text_completion"
        if ask.chat and ask.stream:
            kind += ".chunk"
        self._envelope = {
            "id": f"{'chatcmpl' if ask.chat else 'cmpl'}-{identity}",
            "object": kind,
            "created": created,
            "model": model,
        }
        # A word stands where JSON writes the one character that no other field holds.
        pattern = self._event({"index": 0, **self._piece(" \0"), "finish_reason": None})
        head, _, tail = pattern.partition(b"\\u0000")
        size = len(head) + len(WORDS[0]) + len(tail)
        self._head = b"%x\r\n%b" % (size, head)
        self._tail = tail + b"\r\n"

    @property
    def tokens(self) -> bytes:
        """Prompt and answer, as the radix cache sees them."""
        begin = self._begin % len(WORDS) * TOKEN_BYTES
        row = _TOKENS[begin:] + _TOKENS[:begin]
        rows = row * (self.length // len(WORDS) + 1)
        return self._ask.tokens + rows[: self.length * TOKEN_BYTES]

    def opening(self) -> bytes:
        """Return what comes before the first streamed word."""
        if not self._ask.chat:
            return _STREAM_HEAD
        delta = {"role": "assistant", "content": ""}
        event = self._event({"index": 0, "delta": delta, "logprobs": None, "finish_reason": None})
        return _STREAM_HEAD + _chunk(event)

    def word(self, place: int) -> bytes:
        """Return the event that streams the word at `place`; the first is 0."""
        return self._head + self._word(place) + self._tail

    def closing(self) -> bytes:
        """Return the event of the last word, and what comes after it."""
        word = self._word(self.length - 1).decode()
        choice = {"index": 0, **self._piece(f" {word}"), "finish_reason": self._reason}
        end = _chunk(self._event(choice))
        if self._ask.include_usage:
            final = {**self._envelope, "choices": [], "usage": self._usage()}
            end += _chunk(b"data: %b\n\n" % _json(final))
        return end + _STREAM_END

    def whole(self) -> bytes:
        """Return the body of an answer that is not streamed."""
        text = b" ".join(map(self._word, range(self.length))).decode()
        piece = self._piece(f" {text}")
        choice = {"index": 0, **piece, "finish_reason": self._reason}
        return _json({**self._envelope, "choices": [choice], "usage": self._usage()})

    def _word(self, place: int) -> bytes:
        return WORDS[(self._begin + place) % len(WORDS)]

    def _piece(self, text: str) -> dict[str, Any]:
        """Return the fields of a choice that carry text."""
        if not self._ask.chat:
            return {"text": text, "logprobs": None}
        if self._ask.stream:
            return {"delta": {"content": text}, "logprobs": None}
        return {"message": {"role": "assistant", "content": text}, "logprobs": None}

    def _event(self, choice: dict[str, Any]) -> bytes:
        fields: dict[str, Any] = {**self._envelope, "choices": [choice]}
        if self._ask.include_usage:
            fields["usage"] = None
        return b"data: %b\n\n" % _json(fields)

    def _usage(self) -> dict[str, int]:
        prompt = self._ask.prompt
        return {
            "prompt_tokens": prompt,
            "completion_tokens": self.length,
            "total_tokens": prompt + self.length,
        }


def _json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def _chunk(payload: bytes) -> bytes:
    """Frame a piece of a body for chunked transfer."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)
