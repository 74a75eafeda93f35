"""What has happened in a run, as the agenda looks at it. Pure."""

from dataclasses import dataclass
from functools import cached_property

from core.events import Confirmation, Experiment, FailureKind, Origin, Outcome, RunState
from core.run.steps import Measure

HOPELESS = 3
"""Experiments in a row that fail for the same reason of this machine before the run gives up: a
wrong image or a broken driver must not burn the whole budget."""

BROKEN_OFF = {Outcome.CANCELLED, Outcome.INTERRUPTED}


@dataclass(frozen=True)
class View:
    """What has happened, as it stands at one moment."""

    experiments: tuple[Experiment, ...]
    """All of them, by number."""
    search_ended: str | None
    confirmation: Confirmation | None
    effects: tuple[str, ...]
    """Flags that are measured."""
    now: float
    """Unix time."""
    waiting: int = 0
    """What was said to be searched next and has not been begun yet."""
    began: float = 0.0
    """When the present runner took the run up, in Unix time."""

    @classmethod
    def of(cls, state: RunState, now: float, waiting: int = 0) -> "View":
        """Return the run as it stands."""
        experiments = tuple(state.experiments[number] for number in sorted(state.experiments))
        ended, proved, effects = state.search_ended, state.confirmation, tuple(state.effects)
        began = 0.0 if state.began is None else state.began.at
        return cls(experiments, ended, proved, effects, now, waiting, began)

    @property
    def busy(self) -> bool:
        """Whether anything is under way or about to be."""
        return bool(self.under_way or self.waiting)

    @cached_property
    def over(self) -> tuple[Experiment, ...]:
        """Those that came to their end by themselves."""
        ended = (e for e in self.experiments if e.outcome is not None and not self._open(e))
        return tuple(e for e in ended if e.outcome not in BROKEN_OFF)

    @cached_property
    def under_way(self) -> tuple[Experiment, ...]:
        """Those that are not over."""
        return tuple(e for e in self.experiments if self._open(e))

    @staticmethod
    def _open(experiment: Experiment) -> bool:
        return experiment.ended_at is None

    def of_origin(self, origin: Origin) -> list[Experiment]:
        """Return those that are over and were made for this reason."""
        return [e for e in self.over if e.origin == origin]


def redone(experiment: Experiment, view: View) -> bool:
    """Return whether a second try counts instead: it failed in a way that may not come again."""
    transient = experiment.failure is not None and experiment.failure.transient
    return transient and _tries(experiment, view)[:1] == [experiment]


def _tries(experiment: Experiment, view: View) -> list[Experiment]:
    """Return all that measured the same for the same reason, but for those that were broken off."""
    return [
        e
        for e in view.experiments
        if (e.configuration, e.origin) == (experiment.configuration, experiment.origin)
        and e.outcome not in BROKEN_OFF
    ]


def once_more(view: View) -> Measure | None:
    """Return an experiment again that failed in a way that may well not come again."""
    if view.waiting:
        return None
    for failed in view.over:
        if failed.failure is None or not failed.failure.transient:
            continue
        if len(_tries(failed, view)) == 1:
            full = failed.origin != "search"
            reason = f"once more: {failed.failure.message}"
            return Measure(failed.configuration, failed.origin, reason, failed.promise, full)
    return None


def hopeless(view: View) -> str | None:
    """Return why going on is pointless, or None. Whoever takes a run up again has mended it."""
    over = [e for e in view.over if e.began_at >= view.began]
    failures = [e.failure for e in over[-HOPELESS:] if e.failure is not None]
    if len(failures) < HOPELESS or len({failure.message for failure in failures}) > 1:
        return None
    if failures[0].kind is not FailureKind.ENVIRONMENT:
        return None
    return f"{HOPELESS} experiments in a row failed alike: {failures[0].message}"
