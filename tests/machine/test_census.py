"""Which processes are ours."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from core.machine import census, identity, ports, procfs
from core.machine.ownership import VARIABLE, Ownership

SERVER = (
    "import socket, time; s = socket.create_server(('127.0.0.1', 0));"
    " print(s.getsockname()[1], flush=True); time.sleep(60)"
)


@pytest.fixture
def server() -> Iterator[subprocess.Popen[str]]:
    mine = identity.myself()
    mark = Ownership("7/3", mine.pid, mine.start_ticks, procfs.pid_namespace(), procfs.boot_id())
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        env={**os.environ, VARIABLE: str(mark)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_a_marked_process_is_ours_with_its_port(server: subprocess.Popen[str]) -> None:
    assert server.stdout is not None
    port = int(server.stdout.readline())
    (group,) = [g for g in census.take() if g.root.identity.pid == server.pid]
    assert (group.standing, group.marker) == ("ours", "7/3")
    assert [(p.port, p.loopback) for p in group.ports] == [(port, True)]
    assert group.resident_bytes > 0


def test_one_whose_guardian_is_gone_is_left_over() -> None:
    gone = Ownership("7/4", 1, 1, procfs.pid_namespace(), procfs.boot_id())
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        env={**os.environ, VARIABLE: str(gone)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            (group,) = [g for g in census.take() if g.root.identity.pid == process.pid]
        finally:
            process.kill()
    assert group.standing == "leftover"


def test_somebody_who_listens_is_foreign_and_open_ports_are_told() -> None:
    with socket.create_server(("0.0.0.0", 0)) as here:
        port = here.getsockname()[1]
        (group,) = [
            g
            for g in census.take()
            if g.standing == "foreign" and any(p.port == port for p in g.ports)
        ]
    assert group.root.identity == identity.myself()
    (mine,) = [p for p in group.ports if p.port == port]
    assert not mine.loopback


def test_ipv6_loopback_is_loopback() -> None:
    try:
        here = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with here:
        port = here.getsockname()[1]
        assert any(p.port == port and p.loopback for p in ports.listening())
