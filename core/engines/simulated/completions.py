"""What a request's body asks for. Pure.

The tokenizer: one word is one token, a word being what stands between white space. The chat
template adds `MESSAGE_TOKENS` to each message and `ANSWER_TOKENS` in front of the answer, so that a
conversation that goes on finds its earlier turns in the cache.
"""

import json
import math
import zlib
from array import array
from dataclasses import dataclass
from typing import Any

from core.engines.simulated.prefix_cache import TOKEN_BYTES

ANSWER_TOKENS = 3
"""Tokens of a message's header: start, role, separator."""
MESSAGE_TOKENS = ANSWER_TOKENS + 1
"""Tokens that the template adds to a message: header and end."""
COMPLETION_LIMIT = 16
"""`max_tokens` of a completion that names none, as OpenAI has it."""
MEAN_ANSWER = 200.0
"""Mean length, in tokens, of an answer that may end by itself."""


class RequestError(Exception):
    """A request that cannot be served; the message says why."""


@dataclass(frozen=True)
class Ask:
    """What a request body asks for."""

    chat: bool
    tokens: bytes
    """The prompt, `TOKEN_BYTES` for each token."""
    limit: int | None
    """`max_tokens`; None: as long as the context allows."""
    least: int
    """`min_tokens`."""
    ignore_eos: bool
    stream: bool
    include_usage: bool

    @property
    def prompt(self) -> int:
        """Tokens of the prompt."""
        return len(self.tokens) // TOKEN_BYTES

    def answer(self, room: int) -> int:
        """Return how many tokens the answer has, where `room` are allowed.

        An answer that may end by itself does so after a length that depends on the prompt alone,
        exponentially distributed.
        """
        if self.ignore_eos:
            return room
        chance = (zlib.crc32(self.tokens) + 0.5) / 2**32
        natural = 1 + int(-MEAN_ANSWER * math.log(chance))
        return min(room, max(natural, self.least, 1))


def tokenize(text: str) -> bytes:
    """Return the tokens of a text, `TOKEN_BYTES` each."""
    words = text.encode(errors="surrogatepass").split()
    return array("I", map(zlib.crc32, words)).tobytes()


def read_body(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body holds.

    Raises:
        RequestError: it holds none.
    """
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"The body is no JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise RequestError("The body must be a JSON object")
    return parsed


def read_ask(fields: dict[str, Any], *, chat: bool) -> Ask:
    """Return what the body of a (chat) completion asks for. Fields about sampling are ignored.

    Raises:
        RequestError: a field is missing or of the wrong type.
    """
    options = fields.get("stream_options") or {}
    if not isinstance(options, dict):
        raise RequestError("stream_options must be an object")
    tokens = read_messages(fields.get("messages")) if chat else read_prompt(fields.get("prompt"))
    if not tokens:
        raise RequestError("The prompt is empty")
    if _whole(fields, "n", least=1) not in {None, 1}:
        raise RequestError("n must be 1: the simulated engine gives one answer to a request")
    limit = _whole(fields, "max_tokens", least=1)
    if chat:
        limit = _whole(fields, "max_completion_tokens", least=1) or limit
    elif limit is None:
        limit = COMPLETION_LIMIT
    return Ask(
        chat=chat,
        tokens=tokens,
        limit=limit,
        least=_whole(fields, "min_tokens", least=0) or 0,
        ignore_eos=_switch(fields, "ignore_eos"),
        stream=_switch(fields, "stream"),
        include_usage=_switch(options, "include_usage"),
    )


def read_prompt(prompt: Any) -> bytes:
    """Return the tokens of a `prompt` field: a text, a list of one text, or token numbers.

    Raises:
        RequestError: it is none of these.
    """
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str | list):
        prompt = prompt[0]
    if isinstance(prompt, str):
        return tokenize(prompt)
    if isinstance(prompt, list) and all(type(token) is int for token in prompt):
        try:
            return array("I", prompt).tobytes()
        except OverflowError:
            raise RequestError("A token number is out of range") from None
    raise RequestError("prompt must be a text, a list of one text, or a list of token numbers")


def read_messages(messages: Any) -> bytes:
    """Return the tokens of a conversation, up to where the answer begins.

    Raises:
        RequestError: it is no list of messages with role and content.
    """
    if not isinstance(messages, list) or not messages:
        raise RequestError("messages must be a list of messages")
    tokens = b""
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise RequestError("A message must be an object with a role")
        header = _special("start", message["role"], "message")
        tokens += header + tokenize(_content(message.get("content"))) + _special("end")
    return tokens + _special("start", "assistant", "message")


def _special(*names: str) -> bytes:
    return b"".join([tokenize(f"<|{name}|>")[:TOKEN_BYTES] for name in names])


def _content(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, dict) else None for part in content]
        known = [text for text in texts if isinstance(text, str)]
        if len(known) == len(content):
            return " ".join(known)
    raise RequestError("The content of a message must be a text or a list of text parts")


def _whole(fields: dict[str, Any], name: str, *, least: int) -> int | None:
    value = fields.get(name)
    if value is not None and (type(value) is not int or value < least):
        raise RequestError(f"{name} must be a whole number, at least {least}")
    return value


def _switch(fields: dict[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value is None:
        return False
    if type(value) is not bool:
        raise RequestError(f"{name} must be true or false")
    return value
