"""Where the servers of a run are started: as processes of this machine, or in containers on it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.deploy import LocalServer, Server
from core.engines.container import image_of, mounts_of, on_the_machine
from core.engines.engine import Engine
from core.errors import HostError, TaskError
from core.machine.gpus import Gpus
from core.machine.ports import ReservedPort
from core.paths import hugging_face_home, is_there, path_of
from core.task import Configuration, Mount, Task


@dataclass(frozen=True)
class Berth:
    """What one launch gets for itself."""

    port: ReservedPort
    log: Path
    marker: str
    """What to call the launch: run and experiment."""
    gpus: tuple[str, ...]
    """UUIDs."""


class Hosting(Protocol):
    """Makes servers, not started yet."""

    async def prepare(self, say: Callable[[str], None]) -> None:
        """Do what has to be done once, outside any experiment's clock.

        Raises:
            HostError: it cannot be done.
        """

    def server(self, configuration: Configuration, berth: Berth) -> Server:
        """Return the server of a configuration."""

    def on_this_machine(self, path: str) -> str:
        """Return where a file that a server's command line names is for this process."""


def hosting_of(task: Task, engine: Engine, gpus: Gpus) -> Hosting:
    """Return the hosting that the task asks for."""
    if task.deployment_mode == "docker":
        return ContainerHosting(task, engine, gpus)
    return LocalHosting(task, engine, gpus)


class LocalHosting:
    """Servers as processes of this machine."""

    def __init__(self, task: Task, engine: Engine, gpus: Gpus) -> None:
        self._task, self._engine, self._gpus = task, engine, gpus

    async def prepare(self, say: Callable[[str], None]) -> None:
        """Nothing is needed."""

    def server(self, configuration: Configuration, berth: Berth) -> Server:
        """Return a process that is not started yet."""
        return LocalServer(
            self._engine.command(self._task, configuration, port=berth.port.number),
            port=berth.port,
            log=berth.log,
            marker=berth.marker,
            gpus=berth.gpus,
            driver=self._gpus,
            grace=self._task.timeouts.stop,
        )

    def on_this_machine(self, path: str) -> str:
        """Return the path as it is."""
        return path


class ContainerHosting:
    """Servers in containers of this machine's Docker or Podman."""

    def __init__(self, task: Task, engine: Engine, gpus: Gpus) -> None:
        # The SDK takes longer to import than all of a local run's own modules.
        from core.deploy.container_host import ContainerHost
        from core.deploy.docker import Container

        self._task, self._engine, self._gpus = task, engine, gpus
        self._host = ContainerHost()
        image = image_of(task, engine.image)
        if image is None:
            raise TaskError(
                [f"container.image: is missing; {engine.name} has no image of its own for docker"]
            )
        self._container = Container(
            image=image,
            mounts=mounted(task),
            shm_bytes=int(task.container.shm_size_gib * 2**30),
            ipc=task.container.ipc,
        )

    async def prepare(self, say: Callable[[str], None]) -> None:
        """Remove what dead runners left, and have the image here.

        Raises:
            HostError: the container engine does not answer, or has no such image.
        """
        for name in await asyncio.to_thread(self._host.remove_leftovers):
            say(f"removed a container that a dead run had left: {name}")
        await self._host.fetch(self._container.image, say)

    def server(self, configuration: Configuration, berth: Berth) -> Server:
        """Return a container that is not started yet."""
        from core.deploy.docker import DockerServer

        return DockerServer(
            self._host,
            self._container,
            self._engine.command(
                self._task,
                configuration,
                port=berth.port.number,
                host=self._host.bind_address,
            ),
            port=berth.port,
            log=berth.log,
            marker=berth.marker,
            gpus=berth.gpus,
            driver=self._gpus,
            grace=self._task.timeouts.stop,
        )

    def on_this_machine(self, path: str) -> str:
        """Return where a mounted file is."""
        return on_the_machine(path, self._container.mounts)


def mounted(task: Task) -> tuple[Mount, ...]:
    """Return what a container sees of this machine; makes the cache's folder if it is mounted.

    Raises:
        HostError: that cannot be made.
    """
    model, cache = path_of(task.model.id_or_path), hugging_face_home().absolute()
    folder = None
    if is_there(model):
        folder = str((model if model.is_dir() else model.parent).absolute())
    mounts = mounts_of(task, folder, str(cache))
    if any(mount.source == str(cache) for mount in mounts):
        try:
            cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HostError(f"{cache}: cannot be made: {error.strerror}; set HF_HOME") from None
    return mounts
