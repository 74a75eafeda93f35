"""A container engine whose socket accepts and never answers, as a hung daemon's does."""

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
