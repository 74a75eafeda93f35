"""What an earlier run found, for a search to begin with: `optimization.warm_start`.

Its best configuration is measured anew as any other. What else it measured teaches the model, with
more noise than what is measured now, where it was measured under the same load on GPUs of the same
name and the defaults are what they were then: an earlier run on a warmer GPU or with another driver
can mislead for one experiment, and no longer.
"""

from dataclasses import dataclass

from core.errors import HostError
from core.events import Experiment, HostDescription, RunState
from core.search import Space
from core.search.space import same
from core.store import StoredTask, TaskSummary, Viewer
from core.task import LOAD_OBJECTIVES, Choices, Configuration, FlagValue, Range, Task
from core.verdict import gain, judge

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
    """Its defaults, as this run's SLOs judge them; None where figures cannot be compared."""
    same_boards: bool
    """Whether its GPUs had the names of these."""
    recalled: tuple[Experiment, ...] = ()
    """What it measured, as this run's SLOs judge it; empty where that cannot be compared."""

    def teaches(self, baseline: Experiment) -> tuple[Experiment, ...]:
        """Return what the search may learn from, given what the defaults are now."""
        change = self._change(baseline)
        return self.recalled if change is not None and abs(change) <= CONSISTENT else ()

    def inconsistency(self, baseline: Experiment) -> str | None:
        """Return by how much the defaults differ from what they did then; None: not by much."""
        change = self._change(baseline)
        if change is None or abs(change) <= CONSISTENT:
            return None
        return (
            f"the defaults are {change:+.1%} against what {self.ref} measured of them: the machine,"
            " the driver or the engine may have changed since"
        )

    def _change(self, baseline: Experiment) -> float | None:
        then = self.baseline
        if then is None or not (then.verdict and baseline.verdict):
            return None
        return gain(baseline.verdict, then.verdict)


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
        found = None if named is None else await _usable(viewer, named, stored, space, host)
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
        if found is not None and found.same_boards:
            return found
    return None


def _alike(row: TaskSummary, task: Task) -> bool:
    return row.engine == task.base_runtime and row.model == task.model.id_or_path


async def _usable(
    viewer: Viewer,
    task: StoredTask,
    stored: StoredTask,
    space: Space,
    host: HostDescription,
) -> Earlier | None:
    if task.id == stored.id:
        return None
    state, _ = await viewer.state(task.id)
    best = state.best
    if best is None or not best.configuration or not _within(best.configuration, space):
        return None
    same_boards = _boards(state) == sorted(gpu.name for gpu in host.gpus)
    same_load = _asks_the_same(task.task, stored.task)
    judged = _judged(state, stored.task) if same_load else []
    baseline = next((e for e in judged if e.origin == "baseline"), None)
    points = (e for e in judged if not e.configuration or _within(e.configuration, space))
    recalled = tuple(points) if same_boards and _same_server(task.task, stored.task) else ()
    return Earlier(task.ref, best.configuration, baseline, same_boards, recalled)


def _asks_the_same(then: Task, now: Task) -> bool:
    """Return whether figures of both compare: where a load is searched, it is that of the SLOs."""
    if (then.benchmark, then.engine) != (now.benchmark, now.engine):
        return False
    objectives = {then.optimization.objective, now.optimization.objective}
    return not objectives & LOAD_OBJECTIVES or (len(objectives) == 1 and then.slo == now.slo)


def _same_server(then: Task, now: Task) -> bool:
    return (then.base_runtime, then.model) == (now.base_runtime, now.model)


def _judged(state: RunState, now: Task) -> list[Experiment]:
    """Return the baseline and what was searched, judged by the SLOs and the objective of now."""
    levels = len(now.levels())

    def judged(experiment: Experiment) -> Experiment:
        if not experiment.sub_rounds:
            return experiment
        verdict = judge(
            experiment.sub_rounds,
            now.slo,
            now.optimization.objective,
            levels=levels,
            also=now.optimization.also,
        )
        return experiment.model_copy(update={"verdict": verdict})

    lived = state.experiments.values()
    return [judged(e) for e in lived if e.origin in {"baseline", "search"}]


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
