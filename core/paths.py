"""Paths as people write them, whatever that is, and where Hugging Face's library has its own."""

import os
from pathlib import Path


def path_of(text: str) -> Path:
    """Return the path that was written; `~` stands for a home where there is one, as in a shell."""
    return Path(os.path.expanduser(text))  # noqa: PTH111  Path's own raises where there is none


def is_there(path: Path) -> bool:
    """Return whether something can be seen there.

    False, too, where looking is forbidden, or where no file system takes such a name.
    """
    return os.path.exists(path)  # noqa: PTH110  Path's own raises then


def is_file(path: Path) -> bool:
    """Return whether a file can be seen there, likewise."""
    return os.path.isfile(path)  # noqa: PTH113  likewise


def is_folder(path: Path) -> bool:
    """Return whether a folder can be seen there, likewise."""
    return os.path.isdir(path)  # noqa: PTH112  likewise


def hugging_face_home() -> Path:
    """Return the folder that holds all of Hugging Face's library, whether or not it exists."""
    return path_of(os.environ.get("HF_HOME") or "~/.cache/huggingface")


def hugging_face_hub() -> Path:
    """Return the folder in it that holds what was fetched: a folder for each model."""
    return path_of(os.environ.get("HF_HUB_CACHE") or f"{hugging_face_home()}/hub")
