"""How long experiments of an engine have taken on this machine, out of the store."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from core.events import Experiment, Phase
from core.store import Viewer

_TASKS = 10
_EXPERIMENTS = 50
_LOOKED_THROUGH = 500


@dataclass(frozen=True)
class Experience:
    """Medians over the experiments of earlier runs, in seconds."""

    start: float
    """From launch until it answered."""
    level: float
    """One load level, its warm-up included."""
    stop: float
    experiments: int
    engine: str
    model: str | None
    """None: runs with other models."""

    def __str__(self) -> str:
        with_model = f"with {self.model}" if self.model else "with other models"
        return (
            f"the medians of {self.experiments} earlier experiments of {self.engine} {with_model}:"
            f" {self.start:.0f} s to start, {self.level:.0f} s for each load level"
        )


async def experience_of(viewer: Viewer, engine: str, model: str) -> Experience | None:
    """Return how long experiments took with the engine and the model, else with the engine alone.

    None when there were none.

    Raises:
        StoreError: the store cannot be read.
    """
    found = (await viewer.tasks(matching=engine, limit=_LOOKED_THROUGH)).rows
    runs = [task for task in found if task.engine == engine and task.outcomes]
    for wanted in (model, None):
        chosen = [task for task in runs if wanted in {None, task.model}][:_TASKS]
        times = [
            taken
            for task in chosen
            for taken in _times(
                (await viewer.experiments(task.id, descending=True, limit=_EXPERIMENTS)).rows
            )
        ]
        if times:
            start, level, stop = (median(column) for column in zip(*times, strict=True))
            return Experience(start, level, stop, len(times), engine, wanted)
    return None


def _times(experiments: Iterable[Experiment]) -> list[tuple[float, float, float]]:
    return [
        (
            spent.get(Phase.STARTING, 0.0),
            (spent.get(Phase.WARMING, 0.0) + spent.get(Phase.MEASURING, 0.0))
            / len(experiment.sub_rounds),
            spent.get(Phase.STOPPING, 0.0),
        )
        for experiment in experiments
        if experiment.measured and (spent := experiment.spent)
    ]
