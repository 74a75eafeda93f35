"""The event that says what a run measures with: the machine, the driver, the model's files."""

import hashlib
import time

from core.engines.engine import Engine
from core.errors import AutotunerError
from core.events import HostDescribed
from core.machine.gpus import Gpus
from core.machine.host import describe_host
from core.machine.model_files import model_files
from core.store import StoredTask
from core.task import DEFAULTS


def describe(stored: StoredTask, engine: Engine, gpus: Gpus) -> HostDescribed:
    """Return the event. Reads files and asks the driver, so it may take a second."""
    return HostDescribed(
        at=time.time(),
        host=describe_host(
            gpus,
            model_files(stored.task.model.id_or_path),
            _program(stored, engine),
            hashlib.sha256(stored.text.encode()).hexdigest(),
        ),
    )


def _program(stored: StoredTask, engine: Engine) -> str:
    """Return the program that servers are started with; empty where a container brings its own."""
    if stored.task.deployment_mode == "docker":
        return ""
    try:
        return engine.command(stored.task, DEFAULTS, port=1).argv[0]
    except AutotunerError:
        return ""
