"""What an earlier run found, for a search to begin with: `optimization.warm_start`.

Only the configuration is taken over, never its figures: it is measured anew as any other, so that
an earlier run on a warmer GPU or with another driver can mislead for one experiment, and no longer.
"""

from dataclasses import dataclass

from core.errors import HostError
from core.events import Experiment, HostDescription, RunState
from core.search import Space
from core.search.space import same
from core.store import StoredTask, TaskSummary, Viewer
from core.task import Choices, Configuration, FlagValue, Range, Task
from core.verdict import gain

_LOOKED_THROUGH = 200
"""Earlier runs."""

CONSISTENT = 0.05
"""By how much the defaults may differ from the earlier run's before that is worth a warning, as a
share: the same configuration hours apart differs by 1.5 to 5.6 %."""


@dataclass(frozen=True)
class Earlier:
    """An earlier run."""

    ref: str
    configuration: Configuration
    """Its best."""
    baseline: Experiment | None
    same_load: bool
    """Whether it was measured as this one is, so that figures can be compared."""

    def inconsistency(self, baseline: Experiment) -> str | None:
        """Return by how much the defaults differ from what they did then; None: not by much."""
        then = self.baseline
        if not self.same_load or then is None or not (then.verdict and baseline.verdict):
            return None
        change = gain(baseline.verdict, then.verdict)
        if change is None or abs(change) <= CONSISTENT:
            return None
        return (
            f"the defaults are {change:+.1%} against what {self.ref} measured of them: the machine,"
            " the driver or the engine may have changed since"
        )


async def earlier_run(
    viewer: Viewer, stored: StoredTask, space: Space, host: HostDescription
) -> Earlier | None:
    """Return the run to begin with: the one that is named, or the newest that is like this one.

    Like it is a run of the same engine and model on GPUs of the same name that found something
    whose flags are all among those that are tuned now, with values that they may take.

    Raises:
        HostError: the run that is named is not in the store, or is of no use.
        StoreError: the store cannot be read.
    """
    wanted = stored.task.optimization.warm_start
    if isinstance(wanted, str):
        named = await viewer.find(wanted)
        found = None if named is None else await _usable(viewer, named, stored, space, None)
        if found is None:
            why = "there is no such run" if named is None else "it found nothing of use here"
            raise HostError(f"optimization.warm_start: {wanted}: {why}")
        return found
    rows = (await viewer.tasks(matching=stored.task.base_runtime, limit=_LOOKED_THROUGH)).rows
    for row in rows:
        if row.id >= stored.id or not _alike(row, stored.task):
            continue
        task = await viewer.find(row.ref)
        found = None if task is None else await _usable(viewer, task, stored, space, host)
        if found is not None:
            return found
    return None


def _alike(row: TaskSummary, task: Task) -> bool:
    return row.engine == task.base_runtime and row.model == task.model.id_or_path


async def _usable(
    viewer: Viewer,
    task: StoredTask,
    stored: StoredTask,
    space: Space,
    host: HostDescription | None,
) -> Earlier | None:
    if task.id == stored.id:
        return None
    state, _ = await viewer.state(task.id)
    best = state.best
    if best is None or not best.configuration or not _within(best.configuration, space):
        return None
    if host is not None and _boards(state) != sorted(gpu.name for gpu in host.gpus):
        return None
    baseline = next((e for e in state.experiments.values() if e.origin == "baseline"), None)
    then, now = task.task, stored.task
    same_load = (then.benchmark, then.engine) == (now.benchmark, now.engine)
    return Earlier(task.ref, best.configuration, baseline, same_load)


def _boards(state: RunState) -> list[str]:
    return sorted(gpu.name for gpu in state.hosts[-1].gpus) if state.hosts else []


def _within(configuration: Configuration, space: Space) -> bool:
    """Return whether it is a point of the space."""
    try:
        return space.resolve(configuration) == configuration and all(
            _admits(space.parameters[name], value) for name, value in configuration.items()
        )
    except KeyError:
        return False


def _admits(values: Choices | Range, value: FlagValue) -> bool:
    if isinstance(values, Choices):
        return any(same(known, value) for known in values.values)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return values.low <= value <= values.high and same(values.snap(value), value)
