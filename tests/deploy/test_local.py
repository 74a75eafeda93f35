"""A local server: started, seen, stopped, and looked after."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from core.deploy import LocalServer
from core.deploy.local import server_environment
from core.engines.engine import Command
from core.errors import HostError
from core.machine import identity, ports
from core.machine.ports import reserve_port
from tests.deploy.conftest import LaunchNasty
from tests.machine.conftest import wait_until


async def serving(server: LocalServer) -> None:
    await asyncio.to_thread(wait_until, lambda: "up" in server.log.read_text(), "the server")


async def test_a_stopped_server_leaves_nothing(launch: LaunchNasty) -> None:
    server = launch("--workers", "1", "--daemon")
    await server.start()
    await serving(server)
    tree = identity.descendants(server.guardian)
    assert len(tree) == 3
    report = await server.stop()
    assert report.clean
    assert report.killed == ()
    assert not any(identity.is_alive(who) for who in (*tree, server.guardian))
    assert not ports.is_listening(int(server.url.rpartition(":")[2]))
    assert server.ended.result().code == -signal.SIGTERM


async def test_stopping_is_one_thing_however_often_it_is_asked(launch: LaunchNasty) -> None:
    server = launch("--ignore-term")
    await server.start()
    await serving(server)
    first, second = await asyncio.gather(server.stop(), server.stop())
    assert first is second
    assert len(first.killed) == 1
    assert await server.stop() is first


async def test_a_stop_that_is_cancelled_goes_on(launch: LaunchNasty) -> None:
    server = launch("--ignore-term")
    await server.start()
    impatient = asyncio.create_task(server.stop())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    assert (await server.stop()).clean
    assert not identity.is_alive(server.server)


async def test_a_server_that_was_never_started_is_clean(launch: LaunchNasty) -> None:
    assert (await launch().stop()).clean


async def test_a_port_that_stays_open_is_named(
    launch: LaunchNasty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.deploy.local._PORT_PATIENCE", 0.1)
    server = launch()
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", int(server.url.rpartition(":")[2])))
        squatter.listen()
        await server.start()
        (left,) = (await server.stop()).remains
    assert left.what == "port"
    assert f"PID {os.getpid()}" in left.text


async def test_a_program_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    port = reserve_port()
    server = LocalServer(
        Command(argv=("no-such-server",)), port=port, log=tmp_path / "log", marker="run-1/0"
    )
    with pytest.raises(HostError, match="no-such-server"):
        await server.start()
    assert (await server.stop()).clean


async def test_the_shown_command_line_has_no_secrets(launch: LaunchNasty) -> None:
    server = launch("--say", "token s3cretvalue", HF_TOKEN="s3cretvalue")
    assert server.shown_argv[-1] == "token ***"
    await server.start()
    await serving(server)
    assert "token ***" in server.log.read_text()


async def test_a_key_in_a_file_is_kept_out_of_the_log(launch: LaunchNasty, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k3y-in-a-file\n")
    server = launch("--say", "args: k3y-in-a-file", HF_TOKEN_PATH=str(tmp_path / "key"))
    await server.start()
    await serving(server)
    assert "args: ***" in server.log.read_text()


async def test_signs_of_life_cover_the_whole_tree(launch: LaunchNasty) -> None:
    server = launch("--workers", "2", "--say", "hello")
    await server.start()
    await serving(server)
    signs = await server.vital_signs()
    assert signs.log[0] >= len("hello\n")
    assert signs.resident_bytes > 3 << 20


@pytest.mark.parametrize(
    ("inherited", "expected"),
    [
        ({}, "localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "corp.example"}, "corp.example,localhost,127.0.0.1,::1"),
        ({"no_proxy": "localhost,a"}, "localhost,a,127.0.0.1,::1"),
    ],
)
def test_no_proxy_comes_between_loopback_addresses(
    inherited: dict[str, str], expected: str
) -> None:
    environment = server_environment(inherited, {}, [])
    assert environment["NO_PROXY"] == environment["no_proxy"] == expected


def test_a_server_sees_its_gpus_by_uuid_and_only_those() -> None:
    environment = server_environment({}, {"CUDA_VISIBLE_DEVICES": "0"}, ["GPU-a", "GPU-b"])
    assert environment["CUDA_VISIBLE_DEVICES"] == "GPU-a,GPU-b"
    assert "CUDA_VISIBLE_DEVICES" not in server_environment({}, {}, [])
