"""What is known of a task's model, GPUs and CPUs before anything is launched."""

import os

from core.engines.engine import Engine, GpuFacts
from core.engines.model_facts import ModelFacts
from core.machine.cores import Cores, parted
from core.machine.gpus import Gpus
from core.run.allocation import gpus_of
from core.task import DEFAULTS, GpuRules, Task


def facts_of(task: Task, engine: Engine) -> tuple[ModelFacts | None, GpuFacts | None]:
    """Return what is known of the model and of the GPUs that a server may get.

    Raises:
        HostError: the model's files are here and cannot be understood.
    """
    return engine.facts(task), gpu_facts(gpus_of(engine, task), task.gpus)


def gpu_facts(gpus: Gpus, rules: GpuRules) -> GpuFacts | None:
    """Return what the GPUs are that may be used; None where there are none to be seen."""
    usable = [
        gpu
        for gpu in gpus.present()
        if not rules.only or gpu.index in rules.only or gpu.uuid in rules.only
    ]
    sizes = [gpu.memory_bytes for gpu in usable if gpu.memory_bytes is not None]
    return GpuFacts(count=len(usable), memory=min(sizes)) if sizes else None


def cores_of(task: Task, engine: Engine) -> Cores | None:
    """Return which CPUs the load gets to itself.

    None where there are few, where servers compute on all of them, and where they are in
    containers, which are none of our children.
    """
    simulated = all(gpu.simulated for gpu in gpus_of(engine, task).present())
    on_gpus = engine.gpus_needed(task, DEFAULTS) > 0 and not simulated
    if not on_gpus or task.deployment_mode == "docker":
        return None
    return parted(os.sched_getaffinity(0))
