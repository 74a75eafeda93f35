"""Makes any Python command line a stranger's: with DECOY set, the process only sleeps.

It has the very same command line as a process of a run, and writes down every signal it gets, in
the file that DECOY names. It ends with the test that started it.
"""

import ctypes
import os
import signal
import time
from pathlib import Path

if "DECOY" in os.environ:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

    def note(number: int, _: object) -> None:
        Path(os.environ["DECOY"]).write_text(f"signal {number}\n")

    for caught in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCONT, signal.SIGUSR1):
        signal.signal(caught, note)
    while True:
        time.sleep(600)
