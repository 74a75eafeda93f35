"""A server in a container is a server like any other, on Docker and on Podman."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import docker
import pytest

from core.deploy import NotReadyError, Patience, until_ready
from core.deploy.container_host import OWNER_LABEL, USER_LABEL, ContainerHost
from core.deploy.container_keeper import ContainerOrder, options
from core.deploy.docker import Container, DockerServer
from core.engines.engine import Command
from core.errors import HostError
from core.events import FailureKind, ProcessIdentity
from core.machine import identity, ownership, ports, procfs, secrets_at_large
from core.machine.ports import reserve_port
from core.task import Mount
from tests.deploy.container_engines import IMAGE
from tests.machine.conftest import nasty, wait_until

ROOT = Path(__file__).parents[2]
PATIENCE = Patience(silence=60.0, total=120.0)
MOUNTS = tuple(Mount(source=str(folder), target=str(folder)) for folder in {ROOT, Path(sys.prefix)})

Launch = Callable[..., DockerServer]

pytestmark = pytest.mark.slow


@pytest.fixture(params=["dockerd", "podman"])
def either(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
def connect() -> Iterator[Callable[[str], ContainerHost]]:
    hosts: list[ContainerHost] = []

    def open_host(url: str) -> ContainerHost:
        hosts.append(ContainerHost(url, share_network=True))
        return hosts[-1]

    yield open_host
    for host in hosts:
        host.close()


@pytest.fixture
async def launch(tmp_path: Path, connect: Callable[[str], ContainerHost]) -> AsyncIterator[Launch]:
    """Describe a nasty server in a container; another command line may be given."""
    servers: list[DockerServer] = []

    def describe(
        url: str,
        *flags: str,
        command: Callable[[int], tuple[str, ...]] | None = None,
        image: str = IMAGE,
        gpus: tuple[str, ...] = (),
        **environment: str,
    ) -> DockerServer:
        port = reserve_port()
        argv = command(port.number) if command else nasty("--port", str(port.number), *flags)
        servers.append(
            DockerServer(
                connect(url),
                Container(image=image, mounts=MOUNTS, shm_bytes=64 << 20),
                Command(argv=argv, environment=environment),
                port=port,
                log=tmp_path / f"{len(servers)}.log",
                marker=f"run-5/{len(servers)}",
                gpus=gpus,
                grace=1.0,
            )
        )
        return servers[-1]

    yield describe
    for server in servers:
        await server.stop()


async def test_a_container_is_ready_seen_stopped_and_gone(either: str, launch: Launch) -> None:
    server = launch(either, "--say", "Loading weights:  50%", "--workers", "1")
    await server.start()
    assert await until_ready(server, patience=PATIENCE) == "nasty"
    assert server.log.read_text().startswith("autotuner: the container engine has no init") or (
        server.log.read_text().startswith("Loading weights")
    )
    signs = await server.vital_signs()
    assert signs.resident_bytes > 1 << 20
    assert len(server.pids()) >= 2
    report = await server.stop()
    assert report.clean
    assert report.peak_bytes is not None
    assert report.peak_bytes >= signs.resident_bytes
    assert not ports.is_listening(int(server.url.rpartition(":")[2]))
    assert server._host.find(server._launch) is None
    assert server.pids() == set()


async def test_the_simulated_engine_serves_from_a_container(dockerd: str, launch: Launch) -> None:
    def simulated(port: int) -> tuple[str, ...]:
        module = ("-m", "core.engines.simulated", "--model-path", "tiny", "--speed", "1000")
        return (sys.executable, *module, "--port", str(port))

    server = launch(dockerd, command=simulated, PYTHONPATH=str(ROOT))
    await server.start()
    assert await until_ready(server, patience=PATIENCE)
    assert (await server.stop()).clean


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (["--exit-after", "0.1", "--exit-code", "3"], 3),
        (["--exit-after", "0.1", "--crash"], -signal.SIGSEGV),
    ],
    ids=["status", "signal"],
)
async def test_the_end_of_a_container_is_the_end_of_its_server(
    dockerd: str, launch: Launch, flags: list[str], code: int
) -> None:
    server = launch(dockerd, "--say", "last words", *flags)
    await server.start()
    report = await asyncio.wait_for(asyncio.shield(server.ended), 60)
    assert report.code == code
    assert "last words" in server.log.read_text()
    with pytest.raises(NotReadyError) as caught:
        await until_ready(server, patience=PATIENCE)
    assert caught.value.failure.kind is FailureKind.CRASHED


async def test_a_deaf_container_is_killed_after_its_grace(dockerd: str, launch: Launch) -> None:
    server = launch(dockerd, "--ignore-term")
    await server.start()
    await until_ready(server, patience=PATIENCE)
    assert (await server.stop()).clean
    assert server.ended.result().code == -signal.SIGKILL


async def test_the_most_memory_that_a_container_ever_had_is_told(
    dockerd: str, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives its memory back long before it is stopped."""
    monkeypatch.setattr("core.deploy.docker.WEIGH_EVERY", 0.05)
    script = "import time; x = b'x' * (300 << 20); time.sleep(1); del x; print('light', flush=True)"
    hungry = (sys.executable, "-c", f"{script}; time.sleep(600)")
    server = launch(dockerd, command=lambda _: hungry)
    await server.start()
    light = "the memory is given back"
    await asyncio.to_thread(wait_until, lambda: "light" in server.log.read_text(), light)
    assert (await server.vital_signs()).resident_bytes < 200 << 20
    peak = (await server.stop()).peak_bytes
    assert peak is not None
    assert peak > 300 << 20


@pytest.mark.parametrize("inherited", [False, True], ids=["of the task", "inherited"])
async def test_secrets_reach_the_container_and_nothing_that_is_shown(
    dockerd: str, launch: Launch, monkeypatch: pytest.MonkeyPatch, *, inherited: bool
) -> None:
    secret = "hf_averysecretword"
    if inherited:
        monkeypatch.setenv("HF_TOKEN", secret)
    module = (sys.executable, "-m", "tests.machine.nasty_server")
    server = launch(
        dockerd,
        command=lambda port: (*module, "--port", str(port), "--say", "$HF_TOKEN"),
        PYTHONPATH=str(ROOT),
        **({} if inherited else {"HF_TOKEN": secret}),
    )
    await server.start()
    await until_ready(server, patience=PATIENCE)
    assert "***" in server.log.read_text().splitlines()
    assert server.shown_argv[-1] == "$HF_TOKEN"
    assert secrets_at_large.in_arguments({server.server.pid, *server.pids()}, (secret,)) is None
    container = server._host.find(server._launch)
    assert container is not None
    assert secret not in str(container.attrs["Args"]) + str(container.attrs["Config"]["Cmd"])


async def test_without_its_keeper_a_container_is_removed_all_the_same(
    dockerd: str, launch: Launch
) -> None:
    server = launch(dockerd)
    await server.start()
    identity.send(server.guardian, signal.SIGKILL)
    await asyncio.wait_for(asyncio.shield(server.ended), 60)
    assert server._host.find(server._launch) is not None
    assert (await server.stop()).clean
    assert server._host.find(server._launch) is None


RUNNER = """
import asyncio, sys
from pathlib import Path
from core.deploy.container_host import ContainerHost
from core.task import Mount
from core.deploy.docker import Container, DockerServer
from core.engines.engine import Command
from core.machine.ports import reserve_port

async def main(url, image, log, *folders):
    server = DockerServer(
        ContainerHost(url, share_network=True),
        Container(image=image, mounts=[Mount(source=f, target=f) for f in folders]),
        Command(argv=(sys.executable, "-c", "import time; time.sleep(600)")),
        port=reserve_port(), log=Path(log), marker="run-6/0", grace=1.0,
    )
    await server.start()
    print(server.guardian.pid, server._launch, flush=True)
    await server.ended

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_runner_that_is_killed_takes_its_container_along(
    dockerd: str, connect: Callable[[str], ContainerHost], tmp_path: Path
) -> None:
    folders = [mount.source for mount in MOUNTS]
    argv = [sys.executable, "-c", RUNNER, dockerd, IMAGE, str(tmp_path / "log"), *folders]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT) as runner:
        assert runner.stdout is not None
        guardian, launch = runner.stdout.readline().split()
        host = connect(dockerd)
        assert host.find(launch.decode()) is not None
        keeper = identity.identify(int(guardian))
        assert keeper is not None
        runner.kill()
    wait_until(lambda: host.find(launch.decode()) is None, "the container's removal")
    wait_until(lambda: not identity.is_alive(keeper), "the guardian's end")


def mark_of(guardian: ProcessIdentity) -> str:
    return str(
        ownership.Ownership(
            marker="run-5/1",
            guardian_pid=guardian.pid,
            guardian_start_ticks=guardian.start_ticks,
            pid_namespace=procfs.pid_namespace(),
            boot_id=guardian.boot_id,
        )
    )


def test_only_containers_of_dead_guardians_are_swept(either: str, tmp_path: Path) -> None:
    dead = identity.myself().model_copy(update={"start_ticks": 1})
    mine = {USER_LABEL: str(os.getuid())}
    labels = {
        "orphan": {**mine, OWNER_LABEL: mark_of(dead)},
        "another-users": {USER_LABEL: str(os.getuid() + 1), OWNER_LABEL: mark_of(dead)},
        "looked-after": {**mine, OWNER_LABEL: mark_of(identity.myself())},
        "stranger": {},
        "imitator": {**mine, OWNER_LABEL: "nonsense"},
    }
    client = docker.DockerClient(base_url=either)
    for name, own in labels.items():
        client.containers.create(IMAGE, "true", name=name, labels=own, network_mode="host")
    try:
        said = subprocess.run(
            [sys.executable, "-m", "core.cli", "clean"],
            env={**os.environ, "AUTOTUNER_HOME": str(tmp_path), "DOCKER_HOST": either},
            capture_output=True,
            text=True,
            check=True,
        )
        told = "removed a container that a dead run had left: orphan of run-5/1\n"
        assert said.stdout == told
        left = {container.name for container in client.containers.list(all=True)}
        assert left == labels.keys() - {"orphan"}
    finally:
        for container in client.containers.list(all=True):
            container.remove()
        client.close()


async def test_an_image_that_cannot_be_had_is_one_clear_line(
    either: str, connect: Callable[[str], ContainerHost]
) -> None:
    host = connect(either)
    await host.fetch(IMAGE)
    with pytest.raises(HostError, match=r"127\.0\.0\.1:9/no/image:1") as caught:
        await host.fetch("127.0.0.1:9/no/image:1")
    assert len(str(caught.value).splitlines()) == 1


async def test_a_program_that_the_image_lacks_is_named(either: str, launch: Launch) -> None:
    server = launch(either, command=lambda port: ("no-such-program", str(port)))
    with contextlib.suppress(HostError):  # Podman refuses; under Docker an init process finds out
        await server.start()
    assert (await asyncio.wait_for(asyncio.shield(server.ended), 60)).code in {1, 127}
    assert "no-such-program" in server.log.read_text()


async def test_what_the_engine_refuses_is_named(dockerd: str, launch: Launch) -> None:
    server = launch(dockerd, gpus=("GPU-a",))
    with pytest.raises(HostError, match=r"device driver.*NVIDIA Container Toolkit"):
        await server.start()
    assert (await server.stop()).clean


def test_an_engine_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="no container engine answers at unix:///") as caught:
        ContainerHost(f"unix://{tmp_path}/none.sock")
    assert len(str(caught.value).splitlines()) == 1


def order(**changes: object) -> ContainerOrder:
    fields: dict[str, object] = {
        "engine_url": "unix:///x",
        "launch": "abc",
        "image": "vllm:1",
        "argv": ("vllm", "serve"),
        "mounts": (Mount(source="/models", target="/models"),),
        "shm_bytes": 1 << 30,
        "ipc": "private",
        "publish": 25_000,
        "gpus": ("GPU-a", "GPU-b"),
        "grace": 5.0,
    }
    return ContainerOrder.model_validate({**fields, **changes})


def test_a_container_gets_what_was_asked_for_and_nothing_else() -> None:
    environment = {
        ownership.VARIABLE: "mark", "AUTOTUNER_CONTAINER_ENV_A": "1", "PATH": "/bin",
    }  # fmt: skip
    created = options(order(), environment)
    assert (created["entrypoint"], created["command"]) == ("vllm", ["serve"])
    assert created["environment"] == {"A": "1"}
    assert created["ports"] == {"25000/tcp": ("127.0.0.1", 25_000)}
    assert created["device_requests"][0]["DeviceIDs"] == ["GPU-a", "GPU-b"]
    assert created["mounts"][0]["ReadOnly"] is True
    assert created["labels"][OWNER_LABEL] == "mark"
    assert created["shm_size"] == 1 << 30
    unasked = {"privileged", "ulimits", "cap_add", "network_mode", "devices", "restart_policy"}
    assert not unasked & created.keys()


def test_a_shared_network_or_ipc_needs_no_port_or_size() -> None:
    created = options(order(publish=None, ipc="host", gpus=()), {ownership.VARIABLE: "m"})
    assert created["network_mode"] == created["ipc_mode"] == "host"
    assert not {"ports", "shm_size", "device_requests"} & created.keys()
