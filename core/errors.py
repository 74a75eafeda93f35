"""Every error the program raises on purpose, and the exit code each one ends with.

    AutotunerError                     70  a bug: nothing below fits
     ├─ TaskError                       2  the task file is wrong
     ├─ UsageError                      2  the command line is wrong
     └─ HostError                       3  this machine cannot do it (port, disk, driver, binary, …)
         └─ StoreError                  3  the database cannot be read or written

Each message is one line that says what is wrong, where, and what to do; the command line prints it
as it stands. A failed experiment is no exception: it is an outcome (`core.events.FailureKind`).
"""

from typing import ClassVar


class AutotunerError(Exception):
    """Base of all errors that are raised on purpose."""

    exit_code: ClassVar[int] = 70


class TaskError(AutotunerError):
    """A task file that cannot be understood. `problems` holds one line per mistake."""

    exit_code = 2

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class UsageError(AutotunerError):
    """A command line that cannot be understood."""

    exit_code = 2


class HostError(AutotunerError):
    """This machine lacks something that the work needs."""

    exit_code = 3


class StoreError(HostError):
    """The store cannot be opened, read or written."""
