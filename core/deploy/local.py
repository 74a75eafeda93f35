"""A server as a process of this machine, under a guardian."""

import asyncio
import os
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from core.deploy.gpu_memory import GpuMemoryCheck
from core.deploy.server import Remains, StopReport, VitalSigns
from core.engines.engine import Command
from core.events import ProcessIdentity
from core.machine import identity, masking, ports, supervision
from core.machine.gpus import Gpus
from core.machine.ports import ReservedPort
from core.machine.supervision import ExitReport, Supervised

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORT_PATIENCE = 5.0
"""Seconds after the last process is gone until a port that is still open is worth a word."""


class LocalServer:
    """One server process with everything it forks."""

    def __init__(
        self,
        command: Command,
        *,
        port: ReservedPort,
        log: Path,
        marker: str,
        gpus: Sequence[str] = (),
        driver: Gpus | None = None,
        grace: float = 60.0,
        directory: Path | None = None,
        secrets: Collection[str] = (),
    ) -> None:
        """Describe the server; `start` starts it.

        Args:
            command: its command line, with the port in it, and its variables.
            port: where it will listen; closed when it has stopped.
            log: the file for its output.
            marker: what to call the launch: run and experiment.
            gpus: UUIDs of the only GPUs it shall see; empty: it sees what this process sees.
            driver: where their memory is looked up; None: it is not.
            grace: seconds from SIGTERM to SIGKILL when it is stopped.
            directory: where it runs; None: here.
            secrets: what to keep out of the log besides what the command tells.
        """
        self.command = command
        self.url = f"http://127.0.0.1:{port.number}"
        self.log = log
        self._port = port
        self._marker = marker
        self._gpus = tuple(gpus)
        self._memory = GpuMemoryCheck(driver, gpus) if driver is not None and gpus else None
        self._grace = grace
        self._directory = directory
        self._secrets = secrets
        self._supervised: Supervised | None = None
        self._stopping: asyncio.Task[StopReport] | None = None

    @property
    def shown_argv(self) -> tuple[str, ...]:
        """The command line with its secrets masked."""
        return masking.masked(self.command.argv, {**os.environ, **self.command.environment})

    @property
    def server(self) -> ProcessIdentity:
        """The server's own process."""
        return self._started.server

    @property
    def guardian(self) -> ProcessIdentity:
        """The process that ends the tree, whatever becomes of this one."""
        return self._started.guardian

    @property
    def ended(self) -> asyncio.Future[ExitReport]:
        """Done within a second of the server's own end, its last words in the log."""
        return self._started.exit

    async def start(self) -> None:
        """Start the process; it is not ready yet.

        Raises:
            HostError: it cannot be started.
        """
        if self._memory is not None:
            await self._memory.remember()
        self._supervised = await supervision.start(
            self.command.executed,
            server_environment(os.environ, self.command.environment, self._gpus),
            log=self.log,
            marker=self._marker,
            grace=self._grace,
            directory=self._directory,
            secrets=self._secrets,
        )

    async def stop(self) -> StopReport:
        """End the process tree and say what is left. May be called again, and by several."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())
        return await asyncio.shield(self._stopping)

    async def vital_signs(self) -> VitalSigns:
        """Return what can be seen of the server's work from outside."""
        gpu_bytes = await self.gpu_bytes()
        return await asyncio.to_thread(look_at, self.log, self._started.guardian, gpu_bytes)

    async def gpu_bytes(self) -> int:
        """Return the memory in use on its GPUs, as far as they tell."""
        return await self._memory.used() if self._memory is not None else 0

    def pids(self) -> set[int]:
        """Return the numbers of the server's processes."""
        return {who.pid for who in identity.descendants(self._started.guardian)}

    @property
    def _started(self) -> Supervised:
        assert self._supervised is not None, "the server was not started"
        return self._supervised

    async def _stop(self) -> StopReport:
        began = time.monotonic()
        remains: list[Remains] = []
        killed: tuple[str, ...] = ()
        peak: int | None = None
        if self._supervised is not None:
            if await self._supervised.stop():
                killed = self._supervised.gone.result().killed
            if self.ended.done():
                peak = self.ended.result().peak_bytes
            remains += [_process_left(who) for who in self._supervised.remaining()]
            remains += await _port_left(self._port.number)
            if self._memory is not None:
                remains += await self._memory.remains()
        self._port.close()
        return StopReport(tuple(remains), time.monotonic() - began, killed, peak)


def server_environment(
    inherited: Mapping[str, str], own: Mapping[str, str], gpus: Sequence[str]
) -> dict[str, str]:
    """Return the variables that a server gets beside, and instead of, the inherited ones.

    Args:
        inherited: the environment of this process.
        own: what the task and the engine ask for.
        gpus: UUIDs of the only GPUs it shall see; empty: no restriction.
    """
    proxied = {**inherited, **own}
    named = proxied.get("no_proxy") or proxied.get("NO_PROXY") or ""
    hosts = [host for host in named.split(",") if host]
    exempt = ",".join([*hosts, *(host for host in _LOOPBACK if host not in hosts)])
    environment = {"PYTHONUNBUFFERED": "1", **own, "NO_PROXY": exempt, "no_proxy": exempt}
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    return environment


def look_at(log: Path, root: ProcessIdentity, gpu_bytes: int) -> VitalSigns:
    """Return what moves: the log, the process tree under `root`, and the GPUs' memory."""
    try:
        written = log.stat()
        logged = (written.st_size, written.st_mtime_ns)
    except FileNotFoundError:  # somebody cleaned up; the server need not die of it
        logged = (0, 0)
    used = identity.usage(root)
    return VitalSigns(
        log=logged,
        cpu_seconds=used.cpu_seconds,
        resident_bytes=used.resident_bytes,
        read_bytes=used.read_bytes,
        gpu_bytes=gpu_bytes,
        halted=used.halted,
    )


def _process_left(who: ProcessIdentity) -> Remains:
    described = identity.describe(who)
    command = " ".join(masking.masked(described.command)) if described else "gone by now"
    return Remains("process", f"{who}: {command}")


async def _port_left(port: int) -> list[Remains]:
    deadline = time.monotonic() + _PORT_PATIENCE
    while ports.is_listening(port):
        if time.monotonic() > deadline:
            who = ports.listener(port)
            return [Remains("port", f"port {port} is open, held by {who or 'another user'}")]
        await asyncio.sleep(0.05)
    return []
