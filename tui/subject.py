"""What the screens are about: which task, which experiment of it, which ones are marked. Pure."""

from dataclasses import dataclass, replace
from typing import TypeAlias

Mark: TypeAlias = tuple[int, int]
"""A task's id and the number of one of its experiments."""

MOST_MARKS = 6
"""As many columns as can be read side by side."""


@dataclass(frozen=True)
class Subject:
    """What is looked at. A new one replaces it; nothing changes under a screen."""

    task: int | None = None
    """Id of the task."""
    experiment: int | None = None
    """Number of the experiment."""
    marks: tuple[Mark, ...] = ()
    """Marked experiments, of whichever tasks, in the order they were marked."""

    def at(self, task: int, experiment: int | None = None) -> "Subject":
        """Return the subject for a task; its experiment is kept only if the task is the same."""
        if experiment is None and task == self.task:
            return self
        return replace(self, task=task, experiment=experiment)

    def marked(self, mark: Mark) -> "Subject":
        """Return the subject with a mark more, or with that mark taken away.

        Raises:
            ValueError: there are as many as can be compared.
        """
        if mark in self.marks:
            return replace(self, marks=tuple(m for m in self.marks if m != mark))
        if len(self.marks) == MOST_MARKS:
            raise ValueError(f"{MOST_MARKS} are marked, more cannot be compared; c compares them")
        return replace(self, marks=(*self.marks, mark))

    def unmarked(self) -> "Subject":
        """Return the subject without marks."""
        return replace(self, marks=())
