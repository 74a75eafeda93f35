"""What SQLite's errors mean to the person at the terminal."""

import sqlite3
from pathlib import Path

from core.errors import StoreError

BUSY_SECONDS = 30.0
"""How long a writer waits for its turn. Turns take milliseconds, so this only runs out when another
process hangs with the store locked."""


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """Return `error` as one line that says what is wrong with the store and what to do."""
    # Errors that the Python module raises itself carry no code of SQLite's.
    name: str = getattr(error, "sqlite_errorname", None) or ""
    kind = _MORE_TELLING.get(name) or name.removeprefix("SQLITE_").partition("_")[0]
    return StoreError(f"{path}: {_meaning(kind, error)}")


_MORE_TELLING = {"SQLITE_IOERR_SHMSIZE": "FULL"}
"""Errors that SQLite files under something more general."""


def _meaning(kind: str, error: sqlite3.Error) -> str:
    match kind:
        case "FULL":
            return "the disk is full; make room, what was committed before is safe"
        case "READONLY" | "PERM" | "AUTH":
            return "cannot be written; give yourself the right, or set AUTOTUNER_HOME elsewhere"
        case "CANTOPEN":
            return "cannot be opened; check the folder's rights, or set AUTOTUNER_HOME elsewhere"
        case "NOTADB":
            return "is no SQLite database; move it away, and a new one is made"
        case "CORRUPT":
            return (
                f"is damaged ({error}); move it away, and a new one is made; "
                "`sqlite3 FILE .recover` may save what is in it"
            )
        case "BUSY" | "LOCKED" | "PROTOCOL":
            return f"another process has kept it locked for {BUSY_SECONDS:g} s; is one hanging?"
        case "IOERR":
            return f"the disk failed ({error}); check it, what was committed before is safe"
        case _:
            return f"cannot be read or written: {error}"


FOREIGN = "belongs to another program; set AUTOTUNER_HOME to a folder of its own"
NEWER = "was written by a newer autotuner; update this one, or set AUTOTUNER_HOME elsewhere"
OLDER = "was written by an older autotuner and is updated by the next run; start one"
