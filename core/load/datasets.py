"""Prompts out of a dataset's records, whatever form they have. Pure."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

Messages: TypeAlias = list[dict[str, Any]]

_PROMPTS = ("prompt", "question", "instruction", "input", "text", "content")
_LENGTHS = ("output_tokens", "output_len", "output_length", "max_tokens", "GeneratedTokens")
_ROLES = {"human": "user", "gpt": "assistant", "user": "user", "assistant": "assistant"}


@dataclass(frozen=True)
class Sample:
    """A prompt, and how long its answer should be if the dataset says so."""

    prompt: str | Messages
    output_tokens: int | None = None


def samples(records: Iterable[dict[str, Any]], *, deduplicate: bool) -> tuple[list[Sample], int]:
    """Return the samples, and how many records had no prompt that could be understood."""
    found: list[Sample] = []
    known: set[str] = set()
    rejected = 0
    for record in records:
        prompt = _prompt(record)
        if not prompt:
            rejected += 1
            continue
        key = prompt if isinstance(prompt, str) else json.dumps(prompt)
        if deduplicate and key in known:
            continue
        known.add(key)
        found.append(Sample(prompt, _output_tokens(record)))
    return found, rejected


def as_text(prompt: str | Messages) -> str:
    """Return a prompt for an endpoint without messages."""
    if isinstance(prompt, str):
        return prompt
    return "\n".join(_plain(message.get("content")) for message in prompt)


def _prompt(record: dict[str, Any]) -> str | Messages | None:
    body = record.get("request_body")
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return body
    if isinstance(body, dict):
        return _prompt(body)
    if turns := record.get("conversations") or record.get("conversation"):
        return _first_question(turns)
    if isinstance(messages := record.get("messages"), list):
        return _up_to_the_last_question(messages)
    for name in _PROMPTS:
        if isinstance(text := record.get(name), str) and text.strip():
            return text
    return None


def _first_question(turns: Any) -> str | None:
    """Return the first thing a human said in a conversation of ShareGPT's form."""
    for turn in turns if isinstance(turns, list) else []:
        if isinstance(turn, dict) and _ROLES.get(str(turn.get("from"))) == "user":
            return _plain(turn.get("value")) or None
    return None


def _up_to_the_last_question(messages: list[Any]) -> Messages | None:
    """Return the messages without the answers after the last question."""
    kept = [
        {"role": str(message.get("role", "user")), "content": _plain(message.get("content"))}
        for message in messages
        if isinstance(message, dict)
    ]
    while kept and kept[-1]["role"] != "user":
        kept.pop()
    return kept or None


def _plain(content: Any) -> str:
    """Return the text of a message; of one in parts, that of its text parts."""
    if isinstance(content, list):
        parts = [part.get("text", "") for part in content if isinstance(part, dict)]
        return "\n".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _output_tokens(record: dict[str, Any]) -> int | None:
    for name in _LENGTHS:
        try:
            tokens = int(record[name])
        except (KeyError, TypeError, ValueError):
            continue
        if tokens > 0:
            return tokens
    return None
