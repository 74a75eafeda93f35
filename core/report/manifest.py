"""Where every figure comes from: the task, the engine, the machine, the files, the clocks."""

import hashlib

from core.events import HostDescription, ServerAccount
from core.report.conclusion import Conclusion
from core.task import Frozen, Level


class InForce(Frozen):
    """What the server of one experiment said that it ran with."""

    experiment: int
    """Its number."""
    account: ServerAccount
    """What its server said."""


class Manifest(Frozen):
    """What a result can be attributed to. What was not recorded is empty or None."""

    task: str
    """`name#run`."""
    source: str
    """Path of the task file."""
    task_sha256: str
    """SHA-256 of the task's text as the store keeps it, secrets masked."""
    autotuner: str
    """Version of this program at the run."""
    engine: str
    """`base_runtime` of the task."""
    engine_version: str
    """As the engine told it when the run began; empty where it did not."""
    deployment: str
    """`local` or `docker`."""
    simulated: bool
    """Whether the figures come from a model of a machine."""
    model: str
    """`model.id_or_path` of the task."""
    hosts: tuple[HostDescription, ...]
    """The machine at each start of the run, the latest last."""
    seed: int
    """Of the search and of the prompts."""
    levels: tuple[Level, ...]
    """The load levels that every configuration is measured at."""
    began_at: float | None
    """Unix time at which the first experiment was queued."""
    ended_at: float | None
    """Unix time at which the run ended; None while it has not."""
    in_force: tuple[InForce, ...]
    """Of the recommended configuration and of the defaults, as far as their servers told."""
    client_ttft_floor: float | None
    """Median error that the load worker adds to a TTFT on an idle machine, in seconds."""
    client_itl_floor: float | None
    """99th percentile of its error on a gap between tokens, in seconds."""


def manifest(conclusion: Conclusion) -> Manifest:
    """Return the manifest of a run."""
    task, state = conclusion.task, conclusion.state
    floors = [
        sub_round.client.floor
        for experiment in state.experiments.values()
        for sub_round in experiment.sub_rounds
        if sub_round.client is not None and sub_round.client.floor is not None
    ]
    first = min((e.began_at for e in state.experiments.values()), default=None)
    shown = {e.number: e for e in (conclusion.recommended, conclusion.baseline) if e is not None}
    return Manifest(
        task=task.ref,
        source=task.source,
        task_sha256=hashlib.sha256(task.text.encode()).hexdigest(),
        autotuner=state.hosts[-1].autotuner if state.hosts else "",
        engine=task.task.base_runtime,
        engine_version=state.began.engine_version if state.began else "",
        deployment=task.task.deployment_mode,
        simulated=state.began is not None and state.began.simulated,
        model=task.task.model.id_or_path,
        hosts=state.hosts,
        seed=task.task.optimization.seed,
        levels=task.task.levels(),
        began_at=first,
        ended_at=state.ended.at if state.ended else None,
        in_force=tuple(
            InForce(experiment=number, account=experiment.in_force)
            for number, experiment in shown.items()
            if experiment.in_force is not None
        ),
        client_ttft_floor=max((floor.ttft for floor in floors), default=None),
        client_itl_floor=max((floor.itl for floor in floors), default=None),
    )
