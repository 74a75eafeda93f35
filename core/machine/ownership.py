"""The mark that every process of a server carries in its environment.

It names the launch and the guardian that answers for it. So whoever finds a marked process can tell
whether anybody still looks after it, with no file or database at hand. Standard library only: the
guardian writes the mark.
"""

from typing import NamedTuple

from core.machine import procfs

VARIABLE = "AUTOTUNER_OWNER"
KEEP_READABLE = {"SPT_NOENV": "1"}
"""Keeps `setproctitle`, with which vLLM and SGLang rename their workers, from overwriting the
memory in which `/proc/PID/environ` finds the mark."""


class Ownership(NamedTuple):
    """Which launch a process belongs to, and which guardian answers for it."""

    marker: str
    """The launch, as the runner calls it: run and experiment."""
    guardian_pid: int
    guardian_start_ticks: int
    pid_namespace: int
    """Where that PID counts: the same number in another container is another process."""
    boot_id: str

    def __str__(self) -> str:
        return " ".join(str(part) for part in reversed(self))

    @property
    def of_this_place(self) -> bool:
        """Whether the guardian can be looked up here: this boot, and this PID namespace."""
        here = (procfs.pid_namespace(), procfs.boot_id())
        return (self.pid_namespace, self.boot_id) == here


def parse(text: str) -> Ownership | None:
    """Return the ownership that `str` wrote, or None if the text is none."""
    try:
        boot_id, namespace, ticks, pid, marker = text.split(" ", 4)
        return Ownership(marker, int(pid), int(ticks), int(namespace), boot_id)
    except ValueError:
        return None


def read(pid: int) -> Ownership | None:
    """Return the mark of the process with that number; None without one, or if it is not ours."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123  pathlib is slow to import
            environment = file.read()
    except OSError:
        return None
    start = f"{VARIABLE}=".encode()
    for variable in environment.split(b"\0"):
        if variable.startswith(start):
            return parse(variable.removeprefix(start).decode("utf-8", "replace"))
    return None
