"""Copying: to the terminal's clipboard, and to a file for where there is none.

Not every terminal takes a copied text (OSC 52), none says whether it did, and tmux drops long ones.
"""

import asyncio
from pathlib import Path

from core.errors import HostError
from core.home import home

_MOST = 8192
"""Bytes of a text that terminals and tmux take for their clipboard."""


def fits_clipboard(text: str) -> bool:
    """Return whether a terminal can be expected to take a text."""
    return len(text.encode()) <= _MOST


async def keep_copied(text: str, what: str, *, sent: bool) -> str:
    """Keep what was copied in a file that only its owner can read, and return what to say.

    Args:
        sent: whether the terminal has got it as well.

    Raises:
        HostError: the file cannot be written.
    """
    where = "sent to the terminal's clipboard" if sent else "is too long for a clipboard"
    try:
        path = await asyncio.to_thread(_write, text)
    except OSError as error:
        raise HostError(f"{what} {where}; no file: {error.strerror}") from None
    return f"{what} {where}, and in {path}" if sent else f"{what} {where}; it is in {path}"


def _write(text: str) -> Path:
    path = home() / "copied.txt"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text(f"{text}\n", encoding="utf-8")
    return path
