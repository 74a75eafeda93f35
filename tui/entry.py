"""The app in this terminal: what it needs to begin, and what is said once it has left."""

import gc
import os
import sys

from core.errors import UsageError
from tui.app import Autotuner
from tui.terminal import capabilities


def run_app() -> int:
    """Run the app in this terminal and return the exit status.

    Raises:
        UsageError: there is no terminal.
        Exception: a bug; the terminal is as it was before.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the app needs a terminal; `autotuner --run TASK` does without one")
    # By default everything that ten thousand experiments have made is looked through for garbage
    # every few seconds, which holds up a key for a tenth of a second.
    gc.set_threshold(10_000, 20, 50)
    app = Autotuner(capabilities(os.environ, sys.stdout.encoding))
    app.run(mouse=False)
    if app.bug is not None:
        raise app.bug
    for task in app.running:
        print(f"{task.ref} goes on; `autotuner` shows it again")  # noqa: T201
    return app.return_code or 0
