"""Ports: free, never promised twice, and known by who listens."""

import socket
import subprocess
import sys
from pathlib import Path

from core.machine import identity, ports

ROOT = Path(__file__).parents[2]


def test_a_reserved_port_can_be_bound_and_is_below_the_ephemeral_ones() -> None:
    with ports.reserve_port() as port, socket.socket() as server:
        server.bind(("127.0.0.1", port.number))
        assert 20_000 <= port.number < 32_768


def test_a_port_is_promised_once() -> None:
    reserved = [ports.reserve_port() for _ in range(50)]
    assert len({port.number for port in reserved}) == 50
    for port in reserved:
        port.close()


def test_a_port_promised_to_another_process_is_not_given_until_that_ends(monkeypatch) -> None:
    monkeypatch.setattr(ports, "_FIRST", 25_000)
    monkeypatch.setattr(ports.random, "sample", lambda numbers, count: [*numbers])
    first = "import sys; from core.machine import ports; ports._FIRST = 25_000\n"
    first += "ports.random.sample = lambda numbers, count: [*numbers]\n"
    first += "port = ports.reserve_port(); print(port.number, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", first], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as other:
        assert other.stdout is not None
        promised = int(other.stdout.readline())
        with ports.reserve_port() as port:
            assert port.number > promised
        other.kill()
    with ports.reserve_port() as port:
        assert port.number <= promised


def test_a_port_that_is_bound_on_any_address_is_not_given(monkeypatch) -> None:
    with ports.reserve_port() as port, socket.socket() as stranger:
        stranger.bind(("127.0.0.1", port.number))
        stranger.listen()
        port.close()
        monkeypatch.setattr(ports.random, "sample", lambda *_: [port.number, port.number + 1])
        with ports.reserve_port() as other:
            assert other.number == port.number + 1


def test_who_listens_is_known() -> None:
    with ports.reserve_port() as port:
        assert not ports.is_listening(port.number)
        assert ports.listener(port.number) is None
        with socket.socket() as server:
            server.bind(("127.0.0.1", port.number))
            assert not ports.is_listening(port.number)
            server.listen()
            assert ports.is_listening(port.number)
            assert ports.listener(port.number) == identity.myself()
        assert not ports.is_listening(port.number)
