"""Lengths of time as people write them: `90s`, `2m`, `1.5h`, `500ms`, or a bare number."""

import re
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, PlainSerializer

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_TEXT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)\s*")


def _reader(bare_unit: str) -> BeforeValidator:
    def read(raw: Any) -> Any:
        if isinstance(raw, bool):
            raise ValueError("a length of time is a number, or text such as '90s' or '2m'")
        if isinstance(raw, int | float):
            return raw * _UNITS[bare_unit]
        if isinstance(raw, str):
            match = _TEXT.fullmatch(raw)
            if match is None:
                raise ValueError(f"'{raw}' is no length of time; write for example '90s' or '2m'")
            return float(match[1]) * _UNITS[match[2]]
        return raw

    return BeforeValidator(read)


def _spelled_in_seconds(seconds: float) -> str:
    return f"{seconds:.12g}s"


_AS_TEXT = PlainSerializer(_spelled_in_seconds)
_POSSIBLE = Field(gt=0, le=366 * 86400.0)

Seconds: TypeAlias = Annotated[float, _POSSIBLE, _reader("s"), _AS_TEXT]
"""Seconds; a bare number means seconds."""

Minutes: TypeAlias = Annotated[float, _POSSIBLE, _reader("m"), _AS_TEXT]
"""Seconds; a bare number means minutes."""

Pause: TypeAlias = Annotated[float, Field(ge=0), _reader("s"), _AS_TEXT]
"""Seconds, or none at all; a bare number means seconds."""
