"""Stands for a container among processes: runs while it runs, ends it when ended, ends as it ended.

It is started under a guardian in the server's place, as

    python -m core.deploy.container_keeper

so what a guardian does for a server (log, exit code, the end of the runner) it does for a
container. The order comes in a variable, and the container's own variables come as prefixed ones:
no secret stands in an argument, and a variable that the container's command line refers to is
filled in within the container alone.
"""

import contextlib
import os
import queue
import resource
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any, Literal, NoReturn

import docker
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from docker.types import DeviceRequest
from docker.types import Mount as Bind
from requests.exceptions import RequestException

from core.deploy.container_host import LAUNCH_LABEL, OWNER_LABEL, USER_LABEL, explained
from core.machine import ownership
from core.task import Frozen, Mount

ORDER_VARIABLE = "AUTOTUNER_CONTAINER"
PREFIX = "AUTOTUNER_CONTAINER_ENV_"
REFUSED = "the container engine refused: "
"""How the last line of the log begins when there never was a container."""
_LAST_WORDS = 10.0
"""Seconds to wait for the end of the log once the container has ended."""


class ContainerOrder(Frozen):
    """What to run, but for the variables."""

    engine_url: str
    launch: str
    image: str
    argv: tuple[str, ...]
    mounts: tuple[Mount, ...]
    shm_bytes: int
    ipc: Literal["private", "host"]
    publish: int | None
    """The port to publish on 127.0.0.1; None: the container shares this machine's network."""
    gpus: tuple[str, ...]
    """UUIDs."""
    grace: float
    """Seconds from SIGTERM to SIGKILL."""


def main() -> NoReturn:
    """Run the container of the order to its end."""
    order = ContainerOrder.model_validate_json(os.environ[ORDER_VARIABLE])
    happened: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    signal.signal(signal.SIGTERM, lambda *_: happened.put(None))
    try:
        client = docker.DockerClient(base_url=order.engine_url)
        container = _started(client, options(order, os.environ))
    except (DockerException, RequestException) as error:
        sys.exit(f"{REFUSED}{explained(error)}")
    try:
        status = _status_of(container, order.grace, happened)
    finally:
        with contextlib.suppress(DockerException, RequestException):  # the runner looks again
            container.remove(force=True, v=True)
    _end_like(status)


def options(order: ContainerOrder, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what the container is created with, as the Docker SDK spells it."""
    created: dict[str, Any] = {
        "image": order.image,
        "entrypoint": order.argv[0],
        "command": list(order.argv[1:]),
        "environment": {
            name.removeprefix(PREFIX): value
            for name, value in environment.items()
            if name.startswith(PREFIX)
        },
        "labels": {
            OWNER_LABEL: environment[ownership.VARIABLE],
            USER_LABEL: str(os.getuid()),
            LAUNCH_LABEL: order.launch,
        },
        "name": f"autotuner-{order.launch}",
        "mounts": [
            Bind(mount.target, mount.source, type="bind", read_only=mount.read_only)
            for mount in order.mounts
        ],
        "ipc_mode": order.ipc,
        "init": True,
    }
    if order.ipc == "private":
        created["shm_size"] = order.shm_bytes
    if order.publish is None:
        created["network_mode"] = "host"
    else:
        created["ports"] = {f"{order.publish}/tcp": ("127.0.0.1", order.publish)}
    if order.gpus:
        created["device_requests"] = [
            DeviceRequest(device_ids=list(order.gpus), capabilities=[["gpu"]])
        ]
    return created


def _started(client: docker.DockerClient, created: dict[str, Any]) -> Container:
    """Create and start the container; without an init process, should the engine have none."""
    container = None
    try:
        container = client.containers.create(**created)
        container.start()
    except APIError as error:
        if container is not None:
            container.remove(force=True, v=True)
        if not created["init"] or "-init" not in explained(error):
            raise
        _say("the container engine has no init process to offer")
        return _started(client, {**created, "init": False})
    return container


def _status_of(
    container: Container, grace: float, happened: "queue.SimpleQueue[int | None]"
) -> int:
    """Return the exit status; stop the container when `happened` yields None, for SIGTERM."""
    copying = threading.Thread(target=_copy_log, args=(container,), daemon=True)
    copying.start()
    threading.Thread(target=lambda: happened.put(_wait(container)), daemon=True).start()
    status = happened.get()
    if status is None:
        with contextlib.suppress(NotFound):
            container.stop(timeout=round(grace))
    while status is None:
        status = happened.get()
    copying.join(_LAST_WORDS)
    return status


def _copy_log(container: Container) -> None:
    with contextlib.suppress(DockerException, RequestException):
        for chunk in container.logs(stream=True, follow=True):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()


def _wait(container: Container) -> int:
    try:
        status = int(container.wait()["StatusCode"])
        container.reload()
        if container.attrs["State"].get("OOMKilled"):
            _say("the kernel killed the container: out of memory")
    except (DockerException, RequestException) as error:
        _say(f"the container engine was lost: {explained(error)}")
        return 1
    return status


def _say(text: str) -> None:
    sys.stdout.buffer.write(f"autotuner: {text}\n".encode())
    sys.stdout.buffer.flush()


def _end_like(status: int) -> NoReturn:
    """End with the container's status, or by the signal that ended it: 128 + its number."""
    with contextlib.suppress(ValueError):
        number = signal.Signals(status - 128)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number is not signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
    sys.exit(status)


if __name__ == "__main__":
    main()
