"""Where things are kept: one private folder, the database and the servers' logs in it.

    home()                                   see core.home
    ├── autotuner.db                         the store (and -wal, -shm beside it)
    └── logs/17-quickstart/3.log             the server's log of experiment 3 of task #17

It may hold what a server printed, so nobody else may read it: folders are 0700, files 0600.
"""

import os
import re
import stat
from pathlib import Path

from core.errors import StoreError
from core.home import home

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def database(folder: Path | None = None) -> Path:
    """Return the path of the store in `folder`, by default in `home()`."""
    return (folder or home()) / "autotuner.db"


def experiment_log(task_id: int, task_name: str, experiment: int) -> Path:
    """Return the path for the server's log of one experiment, and make its folder.

    Raises:
        StoreError: the folder cannot be made.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", task_name)[:60].strip("._")
    folder = home() / "logs" / f"{task_id}-{plain}".rstrip("-")
    for part in (home(), home() / "logs", folder):
        make_folder(part)
    return folder / f"{experiment}.log"


def make_folder(folder: Path) -> None:
    """Make `folder`, readable by nobody else, unless it is there.

    Raises:
        StoreError: it is a file, or cannot be made.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise _no_folder(folder) from None
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be made: {error.strerror}; set AUTOTUNER_HOME to a folder that you "
            "may write to"
        ) from None


def is_there(path: Path) -> bool:
    """Return whether there is a file of that name.

    Raises:
        StoreError: its folder is a file, or may not be looked into.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        raise _no_folder(path.parent) from None
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be read: {error.strerror}; give yourself the right, or set "
            "AUTOTUNER_HOME to another folder"
        ) from None


def _no_folder(folder: Path) -> StoreError:
    return StoreError(
        f"{folder}: is no folder, or stands below a file; set AUTOTUNER_HOME to a folder"
    )


def make_file(path: Path) -> None:
    """Make an empty file that nobody else can read, unless it is there.

    One that is there is not opened: to close it again would take all locks from this process that
    other connections of it hold on the file. Source: SQLite, "How To Corrupt An SQLite Database
    File", 2.2.

    Raises:
        StoreError: it cannot be made, or written to.
    """
    flags = os.O_RDWR | os.O_CLOEXEC
    try:
        try:
            made = os.open(path, flags | os.O_CREAT | os.O_EXCL, FILE_MODE)
        except FileExistsError:
            if os.access(path, os.R_OK | os.W_OK):
                return
            made = os.open(path, flags)  # fails, and says why
        os.close(made)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written: {error.strerror}; make room or give yourself the right, "
            "or set AUTOTUNER_HOME to another folder"
        ) from None
