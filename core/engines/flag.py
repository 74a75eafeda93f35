"""One flag of an engine: how it is written, and which values it may have."""

import json
import re
import shlex
from typing import Literal

from core.task import FlagValue, Frozen, spell

_SIZE = re.compile(r"-?\d+(?:\.\d+)?[kKmMgGtT]?i?|auto")
"""`4096`, `32k` and, in powers of two, `32K`; vLLM takes `auto` as well."""


class Flag(Frozen):
    """One flag as the engine's own argument parser has it."""

    spellings: tuple[str, ...]
    """Every way to write it, dashes included; the first is the one that is written."""
    takes: Literal["nothing", "value", "values"]
    """Whether it is a bare switch, or is followed by one value or by several."""
    type: Literal["int", "float", "size", "str", "json"] = "str"
    """What a value is. A size is a whole number that may end in k, M or G."""
    default: FlagValue = None
    """What the parser assumes without the flag, where it is a plain value."""
    choices: tuple[str, ...] | None = None
    """All the values it may have; None when they are open."""
    negation: str | None = None
    """How to switch it off: `--no-enable-chunked-prefill`."""
    deprecated: str | None = None
    """What replaces a flag on its way out, empty where nothing does; None for any other flag."""

    @property
    def name(self) -> str:
        """The name in a task file: the written spelling without its dashes."""
        return self.spellings[0].lstrip("-")

    def refuse(self, value: FlagValue) -> str | None:
        """Return why the flag cannot have `value`, or None when it can."""
        if value is None or (value is False and (self.negation or self.takes == "nothing")):
            return None
        if self.takes == "nothing":
            return None if value is True else f"is a switch: true or false, not {spell(value)}"
        if value is True and not self.choices:
            return None if self.type == "str" else "needs a value, not a bare true"
        for word in self._words(value):
            if refusal := self._refuse_word(word):
                return refusal
        return None

    def write(self, value: FlagValue) -> list[str]:
        """Return the arguments that set the flag to `value`."""
        match value:
            case None:
                return []
            case True if self.takes == "nothing":
                return [self.spellings[0]]
            case False if self.negation is not None:
                return [self.negation]
            case False if self.takes == "nothing":
                return []
        return [self.spellings[0], *map(spell, self._words(value))]

    def _words(self, value: FlagValue) -> list[FlagValue]:
        """Return the single values: `"1 2 4"` is three of a flag that takes several."""
        if self.takes != "values" or not isinstance(value, str):
            return [value]
        return [*shlex.split(value)]

    def _refuse_word(self, value: FlagValue) -> str | None:
        if self.choices is not None:
            if spell(value) in self.choices:
                return None
            return f"'{spell(value)}' is not one of {', '.join(self.choices)}"
        match self.type:
            case "int" | "float":
                return _refuse_number(value, whole=self.type == "int")
            case "size" if isinstance(value, str) and _SIZE.fullmatch(value):
                return None
            case "size":
                return _refuse_number(value, whole=True)
            case "json" if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
                return _refuse_json(value)
        return None


def _refuse_number(value: FlagValue, *, whole: bool) -> str | None:
    wanted = "a whole number" if whole else "a number"
    if isinstance(value, bool):
        return f"needs {wanted}, not {spell(value)}"
    try:
        number = float(value) if value is not None else 0.0
    except ValueError:
        return f"needs {wanted}, not '{value}'"
    if whole and not number.is_integer():
        return f"needs {wanted}, not {spell(value)}"
    return None


def _refuse_json(text: str) -> str | None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"needs JSON, and '{text}' is none: {error.msg} at character {error.pos + 1}"
    return None
