"""The one private folder that everything is kept in.

    AUTOTUNER_HOME, else inference-autotuner under XDG data

Apart from the store, so that asking for it costs nothing: the screens have to know the user's
colours before they draw anything.
"""

import os
from pathlib import Path


def home() -> Path:
    """Return the folder, whether or not it exists yet."""
    if chosen := os.environ.get("AUTOTUNER_HOME"):
        return Path(chosen).expanduser().absolute()
    data = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification: a relative path is invalid and to be ignored.
    root = Path(data) if Path(data).is_absolute() else Path.home() / ".local" / "share"
    return root / "inference-autotuner"
