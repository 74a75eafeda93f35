"""The state of a run: what its events amount to.

The one place where the state of an experiment changes. The store keeps its rows by it, and a viewer
that reads the events arrives at the same state, live or years later.
"""

from core.events.confirmations import Confirmation, FlagEffect
from core.events.experiments import Experiment, Phase
from core.events.host import HostDescription
from core.events.occurrences import (
    Event,
    ExperimentJudged,
    ExperimentQueued,
    FlagReverted,
    HostDescribed,
    LevelMeasured,
    LevelProgress,
    Notice,
    PhaseBegan,
    RunBegan,
    RunEnded,
    SearchAdvanced,
    SearchEnded,
    SearchReopened,
    ServerDescribed,
    ServerLaunched,
    ServerStopped,
    WinnerConfirmed,
)

_ORDER = list(Phase)


class RunState:
    """A fold over the events of one run."""

    def __init__(self) -> None:
        self.began: RunBegan | None = None
        self.ended: RunEnded | None = None
        self.hosts: tuple[HostDescription, ...] = ()
        """The machine at each start of the run that told it, the latest last."""
        self.search: SearchAdvanced | None = None
        self.progress: LevelProgress | None = None
        """The newest."""
        self.side_by_side: dict[int, LevelProgress] = {}
        """The newest of each experiment that is being measured, by number."""
        self.experiments: dict[int, Experiment] = {}
        self.search_ended: str | None = None
        """Why nothing more is searched; None while it goes on."""
        self.confirmation: Confirmation | None = None
        """What fresh launches proved; None until they were made or given up."""
        self.effects: dict[str, FlagEffect] = {}
        """What single flags of the winner were measured to bring, by flag."""

    @property
    def best(self) -> Experiment | None:
        """The experiment that would be handed back if the run stopped now."""
        number = self.ended.best if self.ended else self.search.best if self.search else None
        return None if number is None else self.experiments.get(number)

    def apply(self, event: Event) -> Experiment | None:
        """Take `event` in and return the experiment it changed, if it changed one.

        Raises:
            ValueError: the event cannot follow what was said before.
        """
        match event:
            case RunBegan():
                self.began, self.ended = event, None
                return None
            case HostDescribed():
                self.hosts = (*self.hosts, event.host)
                return None
            case RunEnded():
                self.ended, self.progress, self.side_by_side = event, None, {}
                return None
            case SearchAdvanced():
                self.search = event
                return None
            case LevelProgress():
                self.progress = event
                self.side_by_side = {**self.side_by_side, event.experiment: event}
                return None
            case SearchEnded():
                self.search_ended = event.reason
                return None
            case SearchReopened():
                self.search_ended = None
                return None
            case WinnerConfirmed():
                self.confirmation = event.confirmation
                return None
            case FlagReverted():
                self.effects = {**self.effects, event.effect.flag: event.effect}
                return None
            case ExperimentQueued():
                if event.experiment in self.experiments:
                    raise ValueError(f"experiment {event.experiment} is queued twice")
                changed = Experiment(
                    number=event.experiment,
                    configuration=event.configuration,
                    origin=event.origin,
                    reason=event.reason,
                    promise=event.promise,
                    began_at=event.at,
                    phase_began_at=event.at,
                )
            case Notice():
                if event.experiment is None or event.severity == "info":
                    return None
                old = self._known(event.experiment)
                changed = old.model_copy(update={"warnings": (*old.warnings, event.text)})
            case PhaseBegan():
                changed = _enter(self._known(event.experiment), event)
            case ServerLaunched():
                changed = self._known(event.experiment).model_copy(
                    update={"argv": event.argv, "log": event.log, "gpus": event.gpus}
                )
            case ServerDescribed():
                changed = self._known(event.experiment).model_copy(
                    update={"in_force": event.account}
                )
            case ServerStopped():
                changed = self._known(event.experiment).model_copy(
                    update={"peak_memory": event.peak_memory}
                )
            case LevelMeasured():
                old = self._known(event.experiment)
                if old.outcome is not None:
                    raise ValueError(f"experiment {old.number} was judged before it was measured")
                changed = old.model_copy(update={"sub_rounds": (*old.sub_rounds, event.sub_round)})
            case ExperimentJudged():
                old = self._known(event.experiment)
                if old.outcome is not None:
                    raise ValueError(f"experiment {old.number} is judged twice")
                changed = old.model_copy(
                    update={
                        "outcome": event.outcome,
                        "verdict": event.verdict,
                        "failure": event.failure,
                        "stopped_because": event.stopped_because,
                    }
                )
        self.experiments[changed.number] = changed
        if changed.outcome is not None and changed.number in self.side_by_side:
            others = {n: p for n, p in self.side_by_side.items() if n != changed.number}
            self.side_by_side = others
        return changed

    def _known(self, number: int) -> Experiment:
        if number not in self.experiments:
            raise ValueError(f"experiment {number} was never queued")
        return self.experiments[number]


def _enter(old: Experiment, event: PhaseBegan) -> Experiment:
    if old.phase is Phase.DONE:
        raise ValueError(f"experiment {old.number} is done and cannot begin {event.phase}")
    turns = {old.phase, event.phase} == {Phase.WARMING, Phase.MEASURING}
    if _ORDER.index(event.phase) < _ORDER.index(old.phase) and not turns:
        raise ValueError(f"experiment {old.number} cannot go from {old.phase} to {event.phase}")
    if event.phase is Phase.DONE and old.outcome is None:
        raise ValueError(f"experiment {old.number} is done without an outcome")
    update: dict[str, object] = {"phase": event.phase, "phase_detail": event.detail}
    if event.phase is not old.phase:
        seconds = max(0.0, event.at - old.phase_began_at)
        update["spent"] = {**old.spent, old.phase: old.spent.get(old.phase, 0.0) + seconds}
        update["phase_began_at"] = event.at
    if event.phase is Phase.DONE:
        update["ended_at"] = event.at
    return old.model_copy(update=update)
