"""Local servers for tests, stopped whatever happens."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from core.deploy import LocalServer
from core.engines.engine import Command
from core.machine.ports import reserve_port
from tests.machine.conftest import gpus, nasty, nvml_library, state

__all__ = ["gpus", "launch", "nvml_library", "state"]

LaunchNasty = Callable[..., LocalServer]


@pytest.fixture
async def launch(tmp_path: Path) -> AsyncIterator[LaunchNasty]:
    """Describe a nasty server with these flags on a port of its own."""
    servers: list[LocalServer] = []

    def describe(*flags: str, grace: float = 0.5, **environment: str) -> LocalServer:
        port = reserve_port()
        argv = nasty("--port", str(port.number), "--pids", str(tmp_path / "pids"), *flags)
        server = LocalServer(
            Command(argv=argv, environment=environment),
            port=port,
            log=tmp_path / f"server-{len(servers)}.log",
            marker=f"run-1/{len(servers)}",
            grace=grace,
        )
        servers.append(server)
        return server

    yield describe
    for server in servers:
        await server.stop()
