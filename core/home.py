"""Where everything is kept: one private folder, and one for what the user writes himself.

    home()       AUTOTUNER_HOME, else inference-autotuner under XDG data
    config()     AUTOTUNER_HOME, else inference-autotuner under XDG config

Apart from the store, so that asking for it costs nothing: the screens have to know the user's
colours before they draw anything.
"""

import os
from pathlib import Path

from core.errors import HostError
from core.paths import path_of

_NAME = "inference-autotuner"


def home() -> Path:
    """Return the folder for what the program keeps, whether or not it exists yet.

    Raises:
        HostError: the user has no home.
    """
    return _folder("XDG_DATA_HOME", Path(".local") / "share")


def config() -> Path:
    """Return the folder for what the user writes, such as presets; it need not exist."""
    return _folder("XDG_CONFIG_HOME", Path(".config"))


def _folder(variable: str, default: Path) -> Path:
    if chosen := os.environ.get("AUTOTUNER_HOME"):
        return path_of(chosen).absolute()
    named = os.environ.get(variable, "")
    # The XDG specification: a relative path is invalid and to be ignored.
    root = Path(named) if Path(named).is_absolute() else path_of("~") / default
    if not root.is_absolute():
        raise HostError("this user has no home folder; set AUTOTUNER_HOME to one to keep runs in")
    return root / _NAME
