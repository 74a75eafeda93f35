"""What the user has set for the app: one small JSON file in the home folder.

Read before the first frame is drawn, so it needs nothing but the standard library. A value that
makes no sense is passed over: a screen in the wrong colours is better than none.
"""

import json
import os
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from core.errors import HostError
from tui.palette import ThemeName

Notify: TypeAlias = Literal["none", "bell", "message", "both"]
Characters: TypeAlias = Literal["auto", "unicode", "ascii"]


@dataclass(frozen=True)
class Settings:
    """Everything that can be set."""

    theme: ThemeName | Literal["auto"] = "auto"
    """`auto`: light where the terminal says that it is, else dark."""
    characters: Characters = "auto"
    """`auto`: ASCII where the terminal has no more."""
    refresh: float = 1.0
    """Seconds between two looks at the store."""
    mouse: bool = False
    """Whether the app takes the mouse; off, the terminal's own selection works."""
    notify: Notify = "bell"
    """What tells that a run has ended: the bell, a desktop message (OSC 9), both."""
    gpu_hour_price: float = 0.0
    """Price of one GPU for an hour, in your currency; 0: not shown."""
    axes: dict[str, str] = field(default_factory=dict)
    """What was last chosen in the chart; kept by the app itself."""

    def changed(self, **changes: Any) -> "Settings":
        """Return the settings with some of them replaced."""
        return replace(self, **changes)


CHOICES: dict[str, tuple[str, ...]] = {
    "theme": ("auto", *get_args(ThemeName)),
    "characters": get_args(Characters),
    "notify": get_args(Notify),
}
"""The values of the settings that have few."""

LEAST_REFRESH, MOST_REFRESH = 0.5, 60.0


def read(path: Path) -> Settings:
    """Return the settings in a file, and the usual ones for all that it does not hold."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Settings()
    if not isinstance(raw, dict):
        return Settings()
    known = {f.name: raw[f.name] for f in fields(Settings) if f.name in raw}
    return Settings(**{name: value for name, value in known.items() if _makes_sense(name, value)})


def write(path: Path, settings: Settings) -> None:
    """Keep the settings, all or none of them.

    Raises:
        HostError: the file cannot be written.
    """
    beside = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.touch(mode=0o600)
        beside.write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise HostError(f"{path}: cannot be written: {error.strerror}") from None


def _makes_sense(name: str, value: object) -> bool:
    if name in CHOICES:
        return value in CHOICES[name]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match name:
        case "mouse":
            return isinstance(value, bool)
        case "refresh":
            return number and LEAST_REFRESH <= float(str(value)) <= MOST_REFRESH
        case "gpu_hour_price":
            return number and 0 <= float(str(value)) < float("inf")
        case _:
            return isinstance(value, dict) and all(
                isinstance(part, str) for item in value.items() for part in item
            )
