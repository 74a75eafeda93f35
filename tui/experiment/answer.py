"""Everything that the experiment screen shows, read at once."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.events import Experiment, LevelProgress, Verdict
from core.store import StoredTask, TaskSummary, Viewer
from tui.live import EVENTS

if TYPE_CHECKING:
    from core.report.request_latencies import RequestLatencies


@dataclass(frozen=True)
class ExperimentAnswer:
    """One experiment of one task."""

    stored: StoredTask
    summary: TaskSummary
    experiment: Experiment
    last: int
    """Number of the task's newest experiment."""
    progress: LevelProgress | None
    """How the load level under way is doing."""
    level: int
    """Index of the load level that is looked at."""
    latencies: "RequestLatencies | None"
    """Of the requests of that level, if they were asked for and are kept."""
    now: float
    """Unix time at which it was read."""

    @property
    def is_best(self) -> bool:
        """Whether it would be handed back now."""
        return self.summary.best == self.experiment.number

    @property
    def baseline(self) -> Verdict | None:
        """The verdict on the engine's defaults."""
        return self.summary.baseline_verdict

    @property
    def slos(self) -> dict[str, float]:
        """The threshold of each SLO of the task by its metric, in seconds."""
        targets = self.stored.task.slo.targets()
        return {metric: target.threshold for metric, target in targets.items()}


async def read_experiment(
    viewer: Viewer, task_id: int, number: int | None, level: int, *, with_requests: bool
) -> ExperimentAnswer | None:
    """Read an experiment; None if there is none, or its task is gone.

    Args:
        number: None takes the best, or else the newest.
        level: index of a load level; one that is not there is put right.
        with_requests: whether the single requests of that level are wanted.
    """
    stored, summary = await viewer.find(f"#{task_id}"), await viewer.summary(task_id)
    if stored is None or summary is None:
        return None
    newest = await viewer.experiments(task_id, descending=True, limit=1, sub_rounds=False)
    if not newest.rows:
        return None
    last = newest.rows[0].number
    if number is None:
        number = last if summary.best is None else summary.best
    experiment = await viewer.experiment(task_id, number)
    if experiment is None:
        return None
    level = max(0, min(level, len(experiment.sub_rounds) - 1))
    latencies = None
    if with_requests and experiment.sub_rounds:
        index = experiment.sub_rounds[level].index
        packed = await viewer.samples(task_id, number, index)
        if packed is not None:
            from core.report.request_latencies import request_latencies  # with all of NumPy

            latencies = request_latencies(packed)
    return ExperimentAnswer(
        stored=stored,
        summary=summary,
        experiment=experiment,
        last=last,
        progress=await _progress(viewer, task_id, number) if experiment.ended_at is None else None,
        level=level,
        latencies=latencies,
        now=time.time(),
    )


async def _progress(viewer: Viewer, task_id: int, number: int) -> LevelProgress | None:
    for recorded in reversed(await viewer.latest_events(task_id, EVENTS)):
        if isinstance(recorded.event, LevelProgress) and recorded.event.experiment == number:
            return recorded.event
    return None
