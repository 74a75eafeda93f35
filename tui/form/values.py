"""Values as one types them: `1, 16, 64`, `auto, fp8_e5m2`, `null, true`, `8..256 log`. Pure."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from core.task import Choices, FlagValue, Range, spell

_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_RANGE = re.compile(
    rf"\s*(?P<low>{_NUMBER})\s*\.\.\s*(?P<high>{_NUMBER})"
    rf"(?:\s+step\s+(?P<step>{_NUMBER}))?(?P<log>\s+log)?\s*"
)
_RANGE_BEGINS = re.compile(rf"\s*{_NUMBER}\s*\.\.")
_WORDS: dict[str, FlagValue] = {"null": None, "none": None, "true": True, "false": False}


def parse_values(text: str) -> list[FlagValue] | dict[str, Any]:
    """Return a list of values, or the range that `low..high [step s] [log]` means.

    Raises:
        ValueError: the text means neither.
    """
    if _RANGE_BEGINS.match(text):
        return _parse_range(text)
    pieces = _pieces(text)
    if not pieces:
        raise ValueError("at least one value is needed")
    if "" in pieces:
        raise ValueError("there is a comma too many")
    return [parse_value(piece) for piece in pieces]


def parse_value(text: str) -> FlagValue:
    """Return one value: a number, true, false, null, or else the text itself."""
    plain = text.strip()
    if plain.lower() in _WORDS:
        return _WORDS[plain.lower()]
    if plain[:1] in {'"', "'"} and plain[-1:] == plain[:1] and len(plain) > 1:
        return plain[1:-1]
    if re.fullmatch(_NUMBER, plain):
        number = float(plain)
        return int(plain) if re.fullmatch(r"-?\d+", plain) else number
    return plain


def write_values(space: Choices | Range) -> str:
    """Return what `parse_values` reads as this space."""
    if isinstance(space, Range):
        step = f" step {_number(space.step)}" if space.step is not None else ""
        return f"{_number(space.low)}..{_number(space.high)}{step}{' log' if space.log else ''}"
    return ", ".join(_written(value) for value in space.values)


def check_values(refuse: Callable[[FlagValue], str | None]) -> Callable[[str], str]:
    """Return a check of a typed text that says what is wrong with the first wrong value.

    Args:
        refuse: says why the engine would not take a value; None when it would.
    """

    def check(text: str) -> str:
        try:
            values = parse_values(text)
        except ValueError as error:
            return str(error)
        ends: Sequence[FlagValue] = (
            values if isinstance(values, list) else [values["low"], values["high"]]
        )
        return next((wrong for value in ends if (wrong := refuse(value))), "")

    return check


def _parse_range(text: str) -> dict[str, Any]:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError("a range is written 8..256, 0.7..0.95 step 0.05 or 8..512 log")
    low, high = parse_value(match["low"]), parse_value(match["high"])
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    if low >= high:
        raise ValueError(f"a range runs upwards, not from {low:g} to {high:g}")
    if match["log"] and low <= 0:
        raise ValueError("a logarithmic range begins above 0")
    whole = isinstance(low, int) and isinstance(high, int) and "." not in (match["step"] or "")
    found: dict[str, Any] = {"type": "integer" if whole else "continuous", "low": low, "high": high}
    if match["step"]:
        found["step"] = parse_value(match["step"])
    if match["log"]:
        found["log"] = True
    return found


def _pieces(text: str) -> list[str]:
    """Return the parts between commas; those in brackets, braces or quotation marks stay whole."""
    pieces, depth, quote, start = [], 0, "", 0
    for at, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth <= 0:
            pieces.append(text[start:at].strip())
            start = at + 1
    pieces.append(text[start:].strip())
    return pieces if len(pieces) > 1 or pieces[0] else []


def _written(value: FlagValue) -> str:
    if not isinstance(value, str):
        return spell(value)
    alone = parse_value(value) == value and not _RANGE_BEGINS.match(value)
    return value if alone and _pieces(f"{value},x") == [value, "x"] else json.dumps(value)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.12g}"
