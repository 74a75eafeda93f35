"""A server in a container, for Docker and Podman; to all others it is a server like a local one.

The container is kept by a process of ours under a guardian (`container_keeper`), so it ends when
this process ends, whatever ends it; its log, its exit code and its secrets go the way of a local
server's. Nothing is added to the container that was not asked for: no privileges, no ulimits, no
devices but the leased GPUs.
"""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from core.deploy.container_host import ContainerHost
from core.deploy.container_keeper import ORDER_VARIABLE, PREFIX, REFUSED, ContainerOrder
from core.deploy.local import LocalServer, look_at, server_environment
from core.deploy.post_mortem import read_log
from core.deploy.server import Remains, StopReport, VitalSigns
from core.engines.container import on_the_machine
from core.engines.engine import Command
from core.errors import HostError
from core.events import ProcessIdentity
from core.machine import identity, masking, secrets_at_large
from core.machine.gpus import Gpus
from core.machine.guardian import WEIGH_EVERY
from core.machine.ports import ReservedPort
from core.machine.supervision import ExitReport
from core.task import Frozen, Mount

_PROJECT = Path(__file__).parents[2]
_KEEPER_GRACE = 30.0
"""Seconds the keeper gets to see the container off, beyond the container's own grace."""
_REMOVAL_PATIENCE = 10.0
"""Seconds for the engine to remove what the keeper left."""
_PASSED_ON = (
    "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE",
    "VLLM_API_KEY", "LLAMA_API_KEY",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip
"""Variables of this process that a container gets too: what a download needs, and the engine's key,
as a server beside it would."""


class Container(Frozen):
    """What a container is made from."""

    image: str
    """Name and tag."""
    mounts: tuple[Mount, ...] = ()
    """Folders of this machine: the model, a cache."""
    shm_bytes: int = 16 << 30
    """Size of /dev/shm, over which tensor-parallel workers talk; unused memory costs nothing."""
    ipc: Literal["private", "host"] = "private"


class DockerServer:
    """One server in a container of its own."""

    def __init__(
        self,
        host: ContainerHost,
        container: Container,
        command: Command,
        *,
        port: ReservedPort,
        log: Path,
        marker: str,
        gpus: Sequence[str] = (),
        driver: Gpus | None = None,
        grace: float = 60.0,
    ) -> None:
        """Describe the server; `start` starts it.

        Args:
            host: the engine. Its `bind_address` is what the command must have the server listen on.
            container: what to run it in.
            command: its command line as the container has it, and its variables.
            port: where it will listen; closed when it has stopped.
            log: the file for its output.
            marker: what to call the launch: run and experiment.
            gpus: UUIDs of its GPUs; the container sees no others.
            driver: where their memory is looked up; None: it is not.
            grace: seconds from SIGTERM to SIGKILL when it is stopped.
        """
        self.command = command
        self.url = f"http://127.0.0.1:{port.number}"
        self.log = log
        self._host = host
        self._launch = secrets.token_hex(6)
        self._root: ProcessIdentity | None = None
        self._peak_bytes = 0
        self._weighing: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[StopReport] | None = None
        order = ContainerOrder(
            engine_url=host.url,
            launch=self._launch,
            image=container.image,
            argv=command.executed,
            mounts=container.mounts,
            shm_bytes=container.shm_bytes,
            ipc=container.ipc,
            publish=None if host.shares_network else port.number,
            gpus=tuple(gpus),
            grace=grace,
        )
        keeper = (sys.executable, "-m", "core.deploy.container_keeper")
        files = masking.secret_files(command.argv, command.environment)
        self._keeper = LocalServer(
            Command(argv=keeper, environment=_for_keeper(order, command)),
            port=port,
            log=log,
            marker=marker,
            gpus=gpus,
            driver=driver,
            grace=grace + _KEEPER_GRACE,
            directory=_PROJECT,
            secrets={
                *masking.secrets_of(command.argv, command.environment),
                *secrets_at_large.in_files(
                    on_the_machine(path, container.mounts) for path in files
                ),
            },
        )

    @property
    def shown_argv(self) -> tuple[str, ...]:
        """The command line with its secrets masked."""
        return masking.masked(self.command.argv, {**os.environ, **self.command.environment})

    @property
    def server(self) -> ProcessIdentity:
        """The process that stands for the container."""
        return self._keeper.server

    @property
    def guardian(self) -> ProcessIdentity:
        """The process that has the container ended, whatever becomes of this one."""
        return self._keeper.guardian

    @property
    def ended(self) -> asyncio.Future[ExitReport]:
        """Done soon after the container's own end, its last words in the log."""
        return self._keeper.ended

    async def start(self) -> None:
        """Start the container; the server is not ready yet.

        Raises:
            HostError: the engine refuses it, or cannot be reached.
        """
        await self._keeper.start()
        while not self.ended.done():
            if await asyncio.to_thread(self._is_running):
                self._weighing = asyncio.create_task(self._weigh())
                return
            await asyncio.wait({self.ended}, timeout=0.1)
        last = read_log(self.log).strip().rpartition("\n")[2]
        if last.startswith(REFUSED):
            raise HostError(f"{last}{_hint(last)}")

    async def stop(self) -> StopReport:
        """End and remove the container and say what is left. May be called again."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())
        return await asyncio.shield(self._stopping)

    async def vital_signs(self) -> VitalSigns:
        """Return what can be seen of the server's work from outside."""
        gpu_bytes = await self._keeper.gpu_bytes()
        root = self._root or self.guardian
        return await asyncio.to_thread(look_at, self.log, root, gpu_bytes)

    def pids(self) -> set[int]:
        """Return the numbers of the container's processes, as far as they can be seen from here."""
        if self._root is None:
            return set()
        tree = (self._root, *identity.descendants(self._root))
        return {who.pid for who in tree if identity.is_alive(who)}

    async def _weigh(self) -> None:
        """Note the most memory that the container's processes are seen with while it runs.

        The guardian weighs the keeper; these are the engine's children.
        """
        while not self.ended.done():
            await self._weigh_once()
            await asyncio.wait({self.ended}, timeout=WEIGH_EVERY)

    async def _weigh_once(self) -> None:
        if self._root is not None:
            used = await asyncio.to_thread(identity.usage, self._root)
            self._peak_bytes = max(self._peak_bytes, used.resident_bytes)

    async def _stop(self) -> StopReport:
        await self._weigh_once()
        report = await self._keeper.stop()
        left = await asyncio.to_thread(self._remove_what_is_left)
        if self._weighing is not None:
            self._weighing.cancel()  # the keeper itself may be stuck
        peak = self._peak_bytes or None
        return StopReport((*left, *report.remains), report.seconds, report.killed, peak)

    def _is_running(self) -> bool:
        """Return whether the container runs, and remember its first process if it can be seen."""
        try:
            container = self._host.find(self._launch)
        except HostError:  # engines stumble over containers that come or go
            return False
        pid = 0 if container is None else container.attrs["State"]["Pid"]
        local = self._host.url.startswith("unix:")  # elsewhere the number is another process's
        self._root = identity.identify(pid) if pid and local else None
        return bool(pid)

    def _remove_what_is_left(self) -> list[Remains]:
        """Remove the container, should the keeper have been killed before it could."""
        deadline = time.monotonic() + _REMOVAL_PATIENCE
        while True:
            try:
                container = self._host.find(self._launch)
                if container is None:
                    return []
                self._host.remove(container)
                why = f"container {container.name} is still there"
            except HostError as error:
                why = str(error)
            if time.monotonic() > deadline:
                return [Remains("container", why)]
            time.sleep(0.2)


def _for_keeper(order: ContainerOrder, command: Command) -> dict[str, str]:
    """Return the keeper's variables: its order, and under a prefix those of the container."""
    wanted = (*_PASSED_ON, *command.references)
    inherited = {name: os.environ[name] for name in wanted if name in os.environ}
    inside = {**inherited, **server_environment(inherited, command.environment, ())}
    named = {f"{PREFIX}{name}": value for name, value in inside.items()}
    return {ORDER_VARIABLE: order.model_dump_json(), **named}


def _hint(refusal: str) -> str:
    if "could not select device driver" in refusal:
        return "; install the NVIDIA Container Toolkit to give GPUs to containers"
    return ""
