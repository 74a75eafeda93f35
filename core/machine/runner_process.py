"""A runner as a process of its own: it outlives whoever starts it, and is stopped politely.

The runner reads its task from the store, so nothing but the task's name is handed over.
"""

import contextlib
import signal
import subprocess
import sys
import threading
from pathlib import Path

from core.errors import HostError
from core.events import ProcessIdentity
from core.machine import identity

_PROGRAM = ("-P", "-m", "core.cli")
"""This program, and not whatever is called `core` in the folder that it is started in."""


def start_runner(ref: str, log: Path) -> ProcessIdentity:
    """Start a runner for a task of the store, in a session of its own, and return at once.

    Args:
        ref: what finds the task: `#17`.
        log: where its words go; appended to, and made readable for nobody else.

    Raises:
        HostError: it cannot be started.
    """
    command = [sys.executable, *_PROGRAM, "--resume", ref]
    try:
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        log.touch(mode=0o600)
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
    except OSError as error:
        raise HostError(f"{ref}: the runner cannot be started: {error}") from None
    who = identity.identify(process.pid)
    assert who is not None, "a child that nobody has waited for keeps its number"
    # Waited for from now on, so that no zombie stays.
    threading.Thread(target=process.wait, name=f"runner {ref}", daemon=True).start()
    return who


def start_cleaning() -> None:
    """Have a process of its own end what dead runs have left, and do not wait for it."""
    command = [sys.executable, *_PROGRAM, "clean", "--here"]
    with contextlib.suppress(OSError):  # the next start tries again
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        threading.Thread(target=process.wait, name="cleaning", daemon=True).start()


def stop_runner(who: ProcessIdentity) -> bool:
    """Ask exactly this runner to stop its experiment, clean up and keep what it has measured.

    Returns at once; the task's state tells when it is over. False: that process is no more.

    Raises:
        HostError: it belongs to another user.
    """
    try:
        return identity.send(who, signal.SIGINT)
    except PermissionError:
        raise HostError(f"the runner ({who}) belongs to another user") from None
