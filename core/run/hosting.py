"""Where the servers of a run are started: as processes of this machine, or in containers on it."""

import asyncio
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.deploy import LocalServer, Server
from core.engines.engine import Engine
from core.errors import HostError, TaskError
from core.machine.gpus import Gpus
from core.machine.ports import ReservedPort
from core.task import Configuration, Mount, Task

_HUGGING_FACE_ID = re.compile(r"[\w.-]+/[\w.-]+")
_CACHE_IN_IMAGES = "/root/.cache/huggingface"
"""Where the engines' official images keep what they download."""


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


class ContainerHosting:
    """Servers in containers of this machine's Docker or Podman."""

    def __init__(self, task: Task, engine: Engine, gpus: Gpus) -> None:
        # The SDK takes longer to import than all of a local run's own modules.
        from core.deploy import container_keeper as keeper
        from core.deploy.container_host import ContainerHost
        from core.deploy.docker import Container

        self._task, self._engine, self._gpus = task, engine, gpus
        self._host = ContainerHost()
        self._container = Container(
            image=image_of(task, engine),
            mounts=tuple(keeper.Mount(**mount.model_dump()) for mount in mounts_of(task)),
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


def image_of(task: Task, engine: Engine) -> str:
    """Return the image's name and tag.

    Raises:
        TaskError: neither the task nor the engine names one.
    """
    image = task.container.image or engine.image
    if image is None:
        raise TaskError(
            [f"container.image: is missing; {engine.name} has no image of its own for docker"]
        )
    if task.runtime_image_tag and ":" not in image.rpartition("/")[2]:
        return f"{image}:{task.runtime_image_tag}"
    return image


def mounts_of(task: Task) -> list[Mount]:
    """Return the task's mounts, and where the model comes from: its folder, at the same path and
    read-only, or the Hugging Face cache, so that no launch downloads what another one has.

    Each target once: what the task says of it counts. Makes the cache's folder if need be.

    Raises:
        HostError: that cannot be made.
    """
    mounts = [m.model_copy(update={"source": _absolute(m.source)}) for m in task.container.mounts]
    model = Path(task.model.id_or_path).expanduser()
    if model.exists():
        folder = _absolute(str(model if model.is_dir() else model.parent))
        mounts.append(Mount(source=folder, target=folder))
    elif _HUGGING_FACE_ID.fullmatch(task.model.id_or_path):
        target = task.engine.environment.get("HF_HOME") or _CACHE_IN_IMAGES
        mounts.append(Mount(source=_hugging_face_cache(), target=target, read_only=False))
    return list({mount.target: mount for mount in reversed(mounts)}.values())[::-1]


def _hugging_face_cache() -> str:
    cache = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser().absolute()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HostError(f"{cache}: cannot be made: {error.strerror}; set HF_HOME") from None
    return str(cache)


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())
