"""One point of the parameter space: which flags, with which values."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

FlagValue: TypeAlias = bool | int | float | str | None
"""What a flag may be set to. `None` leaves the flag out, `True` writes it bare, `False` writes its
negation where the engine has one and leaves it out otherwise."""


class Configuration(Mapping[str, FlagValue]):
    """An immutable, hashable assignment of flags to values.

    Two configurations are equal when they assign the same values of the same types: `1`, `1.0` and
    `True` are three different values, as they are three different command lines.
    """

    __slots__ = ("_values", "key")

    key: str
    """Canonical JSON: the same for equal configurations, whatever the order of their flags."""

    def __init__(self, values: Mapping[str, FlagValue] | None = None, /) -> None:
        self._values = dict(values or {})
        self.key = json.dumps(self._values, sort_keys=True, separators=(",", ":"))

    def __getitem__(self, flag: str) -> FlagValue:
        return self._values[flag]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Configuration) and self.key == other.key

    def __repr__(self) -> str:
        return f"Configuration({self._values!r})"

    def __str__(self) -> str:
        if not self._values:
            return "engine defaults"
        return ", ".join(f"{flag}={spell(value)}" for flag, value in self._values.items())

    def __or__(self, changes: Mapping[str, FlagValue]) -> "Configuration":
        """Return this configuration with `changes` laid over it."""
        return Configuration({**self._values, **changes})

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls,
            handler(dict[str, FlagValue]),
            serialization=core_schema.plain_serializer_function_ser_schema(dict),
        )


def spell(value: FlagValue) -> str:
    """Write a value the way a task file does: `true`, `null`, `0.9`, `fp8_e5m2`."""
    return value if isinstance(value, str) else json.dumps(value)


DEFAULTS = Configuration()
"""The engine's own defaults: no tuned flag at all. What the baseline runs."""
