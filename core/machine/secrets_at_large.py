"""Secrets of a launch where only a look at this machine finds them: in files, in arguments."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from core.events import ProcessIdentity
from core.machine import identity
from core.paths import path_of
from core.task import SHORTEST_SECRET

_LARGEST_FILE = 1 << 16
"""Bytes; what is larger holds no keys."""


def in_files(paths: Iterable[str]) -> set[str]:
    """Return the lines of the files that are there to be read: a key each, or a token alone."""
    found: set[str] = set()
    for path in paths:
        with suppress(OSError, ValueError):  # what is no text is a ValueError
            file = path_of(path)
            if file.is_file() and file.stat().st_size <= _LARGEST_FILE:
                found |= {line.strip() for line in file.read_text(encoding="utf-8").splitlines()}
    return {line for line in found if len(line) >= SHORTEST_SECRET and not line.startswith("#")}


def in_arguments(pids: Iterable[int], secrets: Sequence[str]) -> ProcessIdentity | None:
    """Return one of the processes whose arguments, which every user can read, hold a secret."""
    for pid in sorted(pids):
        who = identity.identify(pid)
        described = None if who is None else identity.describe(who)
        if described and any(s in word for word in described.command for s in secrets):
            return who
    return None
