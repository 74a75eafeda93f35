"""A container engine whose socket accepts and never answers, as a hung daemon's does, or is out of
reach."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.deploy import container_host
from core.deploy.container_host import ContainerHost
from core.errors import HostError


@pytest.fixture
def mute(tmp_path: Path) -> Iterator[str]:
    """The address of one."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(16)
        yield f"unix://{path}"


def test_it_is_told_and_not_waited_for(mute: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_host, "_FIRST_ANSWER", 1)
    with pytest.raises(HostError, match=rf"no container engine answers at {mute}: .*timed out"):
        ContainerHost(mute)


def test_a_socket_in_a_folder_of_root_alone_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(Path, "exists", refused)
    assert container_host.sweep() == []


def test_an_engine_that_this_user_may_not_ask_has_nothing_of_theirs_unless_a_run_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(path))
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        # As root, which may ask everybody, the tests have to be told.
        monkeypatch.setattr(container_host.os, "access", lambda *_: False)
        assert container_host.sweep(known=False) == []
        with pytest.raises(HostError, match="no container engine answers"):
            container_host.sweep()
