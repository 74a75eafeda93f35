"""One streamed answer, as far as it has come: which events carry tokens, and what usage says.

Server-sent events are taken in piece by piece, whatever the split of bytes. The JSON of a token
event is parsed once or twice in a stream: an event that differs from the one before only within its
text is recognised by its first and last bytes, at a tenth of the cost. Clocks are not kept here.
"""

import json
import re
from typing import Any

_TEXT_VALUE = re.compile(
    rb'"(?:text|content|reasoning_content|reasoning)"\s*:\s*"((?:[^"\\]|\\.)+)"'
)
_NEVER = b"\0"
"""What no event begins with."""

LONGEST_EVENT = 16 * 2**20
"""Bytes; a stream that has no event border for longer is no event stream."""


class Answer:
    """What one streamed answer has said so far."""

    __slots__ = (
        "_after",
        "_after_length",
        "_before",
        "_pending",
        "_pieces",
        "_plain",
        "_text_at",
        "chunks",
        "done",
        "error",
        "finished",
        "output_tokens",
        "prompt_tokens",
    )

    def __init__(self, *, keep_text: bool = False) -> None:
        self.chunks = 0
        """Events with content: text, reasoning or a tool call; not a mere role."""
        self.finished = False
        """Whether a choice gave its finish reason."""
        self.done = False
        """Whether `[DONE]` was said."""
        self.error: str | None = None
        self.prompt_tokens: int | None = None
        self.output_tokens: int | None = None
        self._pieces: list[str] | None = [] if keep_text else None
        self._pending = b""
        self._forget()

    @property
    def text(self) -> str:
        """The answer's text; empty unless it was to be kept."""
        return "".join(self._pieces or ())

    def feed(self, body: bytes) -> int:
        """Take in the next bytes of the body; return how many events with content they ended."""
        # No quotation mark between both parts: so it is one event, and its text is not empty.
        if (
            body.startswith(self._before)
            and body.endswith(self._after)
            and self._text_at < body.find(b'"', self._text_at) == len(body) - self._after_length
            and not self._pending
        ):
            self.chunks += 1
            return 1
        return self._parse(body)

    def close(self) -> int:
        """Take in an event that the end of the stream cut off before its blank line."""
        if not self._pending:
            return 0
        return self._parse(b"\n\n")

    def _parse(self, body: bytes) -> int:
        whole = not self._pending
        text = self._pending + body if self._pending else body
        held = b""
        if b"\r" in text:
            # A carriage return at the very end may be the first half of a line's end.
            if text.endswith(b"\r"):
                text, held = text[:-1], b"\r"
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *events, rest = text.split(b"\n\n")
        self._pending = rest + held
        if len(self._pending) > LONGEST_EVENT:
            self.error = self.error or "the stream has no event borders"
            self._pending = b""
        before = self.chunks
        for event in events:
            self._take(event)
        if whole and len(events) == 1 and not self._pending and self._plain:
            self._learn(body)
        return self.chunks - before

    def _take(self, event: bytes) -> None:
        self._plain = False
        data: list[bytes] = []
        failed = False
        for line in event.split(b"\n"):
            field, _, value = line.partition(b":")
            if field == b"data":
                data.append(value.removeprefix(b" "))
            elif field == b"error":  # llama.cpp's own way
                failed = True
                data.append(value)
            elif field == b"event" and value.strip() == b"error":
                failed = True
        if not data:
            return
        text = b"\n".join(data).strip()
        if text == b"[DONE]":
            self.done = True
            return
        try:
            said = json.loads(text)
        except ValueError:
            said = None
        if failed:
            self.error = self.error or error_message(said, text)
        elif isinstance(said, dict):
            self._understand(said)
        else:
            self.error = self.error or f"an event is no JSON object: {_short(text)}"

    def _understand(self, said: dict[str, Any]) -> None:
        if said.get("error") or said.get("object") == "error":
            self.error = self.error or error_message(said, b"")
            return
        usage = said.get("usage")
        if isinstance(usage, dict):
            self.prompt_tokens = _count(usage.get("prompt_tokens"), self.prompt_tokens)
            self.output_tokens = _count(usage.get("completion_tokens"), self.output_tokens)
        choices = said.get("choices")
        choices = [c for c in choices if isinstance(c, dict)] if isinstance(choices, list) else []
        pieces = [piece for choice in choices if (piece := _content(choice))]
        over = any(choice.get("finish_reason") for choice in choices)
        self.finished = self.finished or over
        if pieces:
            self.chunks += 1
            self._plain = not over and not isinstance(usage, dict) and self._pieces is None
        if self._pieces is not None:
            self._pieces += [piece for piece in pieces if isinstance(piece, str)]

    def _learn(self, body: bytes) -> None:
        """Remember the event's bytes around its text; the next event is likely to share them."""
        found = list(_TEXT_VALUE.finditer(body))
        if len(found) != 1:
            self._forget()
            return
        self._text_at, end = found[0].span(1)
        self._before, self._after = body[: self._text_at], body[end:]
        self._after_length = len(self._after)

    def _forget(self) -> None:
        self._plain = False
        self._before = self._after = _NEVER
        self._text_at = 0
        self._after_length = len(_NEVER)


def error_message(said: Any, raw: bytes) -> str:
    """Return what a server's error object says: its innermost `message`, or the raw text."""
    while isinstance(said, dict):
        inner = said.get("error") or said.get("message") or said.get("detail")
        if inner is None:
            return _short(json.dumps(said))
        said = inner
    if said:
        return _short(str(said))
    return _short(raw) if raw.strip() else "the server gave no reason"


def _content(choice: dict[str, Any]) -> Any:
    """Return what the choice adds to the answer: a text, a tool call, or nothing."""
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return choice.get("text")
    for name in ("content", "reasoning_content", "reasoning", "refusal", "tool_calls"):
        if delta.get(name):
            return delta[name]
    return delta.get("function_call")


def _count(raw: Any, otherwise: int | None) -> int | None:
    return raw if isinstance(raw, int) and raw >= 0 else otherwise


def _short(text: str | bytes, length: int = 300) -> str:
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"
