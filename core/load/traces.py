"""Recorded traffic: when requests came, and how long they were. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.errors import UsageError

_TIMES = ("timestamp", "TIMESTAMP", "Timestamp", "arrived_at")
_IN_SECONDS = {"Timestamp", "arrived_at"}
"""Times that are seconds, whole numbers as well: BurstGPT's, and those of simulators."""
_PROMPTS = ("input_length", "ContextTokens", "prompt_tokens", "Request tokens")
_OUTPUTS = ("output_length", "GeneratedTokens", "output_tokens", "Response tokens")


@dataclass(frozen=True)
class Recorded:
    """A request as it once came."""

    offset: float
    """Seconds after the first."""
    prompt_tokens: int
    output_tokens: int
    blocks: tuple[int, ...] = ()
    """Ids of the 512-token blocks of its prompt; equal ids are equal text. Empty: unknown."""


def recorded(records: Iterable[dict[str, Any]], *, speed: float) -> list[Recorded]:
    """Return the requests of a trace in the order they came, played `speed` times faster.

    Raises:
        UsageError: a record lacks its time or its lengths, or there is none.
    """
    found = []
    for number, record in enumerate(records, 1):
        try:
            found.append(
                Recorded(
                    _moment(*_first_of(record, _TIMES)),
                    max(1, int(float(_first_of(record, _PROMPTS)[1]))),
                    max(1, int(float(_first_of(record, _OUTPUTS)[1]))),
                    tuple(int(block) for block in record.get("hash_ids") or ()),
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"record {number} of the trace is not understood: {error}; it needs a timestamp,"
                " and the tokens of prompt and answer"
            ) from None
    if not found:
        raise UsageError("the trace is empty")
    found.sort(key=lambda request: request.offset)
    began = found[0].offset
    return [replace(each, offset=(each.offset - began) / speed) for each in found]


def _first_of(record: dict[str, Any], names: tuple[str, ...]) -> tuple[str, Any]:
    for name in names:
        if record.get(name) not in (None, ""):
            return name, record[name]
    raise KeyError(f"none of {', '.join(names)}")


def _moment(name: str, raw: Any) -> float:
    """Return seconds. Fractions are seconds; whole numbers are milliseconds, as in Mooncake's
    traces, but for some names; text may be a date."""
    if isinstance(raw, float):
        return raw
    text = str(raw).strip()
    try:
        return float(text) if "." in text or name in _IN_SECONDS else int(text) / 1000
    except ValueError:
        # Azure writes seven decimals of a second; Python reads six.
        head, point, decimals = text.partition(".")
        return datetime.fromisoformat(head + point + decimals[:6]).timestamp()
