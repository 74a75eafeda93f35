"""Local servers and container engines for tests, stopped whatever happens."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from core.deploy import LocalServer
from core.engines.engine import Command
from core.machine.ports import reserve_port
from tests.deploy.container_engines import (
    build_image,
    private_dockerd,
    private_podman,
    with_image,
)
from tests.machine.conftest import gpus, nasty, nvml_library, state

__all__ = ["gpus", "launch", "nvml_library", "state"]

LaunchNasty = Callable[..., LocalServer]


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "image.tar"
    build_image(path)
    return path


@pytest.fixture(scope="session")
def dockerd(archive: Path) -> Iterator[str]:
    with private_dockerd() as url:
        yield with_image(url, archive)


@pytest.fixture(scope="session")
def podman(archive: Path) -> Iterator[str]:
    with private_podman() as url:
        yield with_image(url, archive)


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
