"""Flag values as the numbers that an engine reads them as. Pure."""

import re
from collections.abc import Mapping

from core.task import FlagValue

_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kKmMgGtT]?)i?")
_DECIMAL = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def number(flags: Mapping[str, FlagValue], name: str, default: int) -> int:
    """Return the whole number a flag is set to, or `default` where it is left out or is none."""
    found = size(flags.get(name))
    return default if found is None else found


def size(value: FlagValue) -> int | None:
    """Return what a size means: `4096`, `32k` is 32,000, and `32K` is 32,768; None for others."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return int(value)
    found = _SIZE.fullmatch(value.strip())
    if found is None:
        return None
    digits, unit = found.groups()
    return int(float(digits) * (_DECIMAL.get(unit) or _BINARY.get(unit) or 1))


def fraction(flags: Mapping[str, FlagValue], name: str) -> float | None:
    """Return the number a flag is set to; None where it is left out or is none."""
    value = flags.get(name)
    if value is None or isinstance(value, bool):
        return None
    try:
        return float(value)
    except ValueError:
        return None
