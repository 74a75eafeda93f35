"""Drafts as files: what is half written survives the app, the terminal and the machine's sleep."""

import contextlib
import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from core.errors import HostError
from core.store import home


@dataclass(frozen=True)
class Origin:
    """What is being written: something new, or a version of a task that there is."""

    name: str
    """Names the draft's file."""
    title: str
    text: str | None
    """What to begin with; None: what the machine offers."""


NEW = Origin("new", "New task", None)


def draft_path(name: str) -> Path:
    """Return the file of a draft."""
    return home() / "drafts" / f"{name}.yaml"


def read_draft(name: str) -> str | None:
    """Return the draft that was left behind; None where there is none."""
    try:
        return draft_path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def keep_draft(name: str, text: str) -> None:
    """Keep a draft. It may hold secrets, so nobody else can read it.

    Raises:
        HostError: it cannot be written.
    """
    path = draft_path(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise HostError(f"{path}: cannot be written: {error.strerror}") from None


def forget_draft(name: str) -> None:
    """Delete a draft."""
    with contextlib.suppress(OSError):
        draft_path(name).unlink()


def editor() -> list[str]:
    """Return the command of the user's editor.

    Raises:
        HostError: none is known.
    """
    for name in (os.environ.get("VISUAL"), os.environ.get("EDITOR"), "nano", "vi"):
        words = shlex.split(name or "")
        if words and shutil.which(words[0]):
            return words
    raise HostError("no editor is known; set EDITOR")
