"""What every search strategy does: propose a configuration, and learn what became of it."""

from typing import Protocol

from core.events import Experiment
from core.task import Configuration, Frozen


class Proposal(Frozen):
    """A configuration to try next."""

    configuration: Configuration
    reason: str
    """Why this one, in a phrase."""
    promise: float | None = None
    """Improvement of the objective to expect of it, failures and broken SLOs counted as none, as a
    share of the best so far. None: not known, or nothing to improve on."""


class Strategy(Protocol):
    """Ask and tell. Deterministic: the same seed and the same tellings give the same proposals."""

    def ask(self) -> Proposal | None:
        """Return the next configuration to try, or None when none is left.

        What was asked for but not yet told is not proposed again, and may be any number.
        """
        ...

    def tell(self, experiment: Experiment) -> None:
        """Learn how an experiment ended, whether this strategy asked for it or not."""
        ...


class Tried:
    """Which command lines have been proposed or told, so that none comes twice."""

    def __init__(self) -> None:
        self._keys: set[str] = set()

    def add(self, key: str) -> bool:
        """Note a command line and return whether it is new."""
        new = key not in self._keys
        self._keys.add(key)
        return new

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)
