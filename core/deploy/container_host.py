"""The engine that runs containers on this machine: Docker, or Podman behind the same interface.

Only containers that carry our label are ever looked at, and only those are ever removed whose
guardian is no more, or whose launch is named.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container
from requests.exceptions import RequestException

from core.errors import HostError
from core.events import ProcessIdentity
from core.machine import identity, ownership, procfs
from core.paths import is_there

OWNER_LABEL = "autotuner.owner"
"""Holds the mark that the processes of a local server carry in their environment."""
USER_LABEL = "autotuner.user"
"""Holds the number of the user who launched it: whoever else uses this program cleans up alone."""
LAUNCH_LABEL = "autotuner.launch"
"""Holds an id that no other launch ever has."""

_SOCKETS = (
    "/var/run/docker.sock",
    "{runtime}/docker.sock",
    "{runtime}/podman/podman.sock",
    "/run/podman/podman.sock",
)
_SECONDS = 60
_FIRST_ANSWER = 10
"""Seconds for saying which version it is: one that hangs is told before the user gives up."""


class ContainerHost:
    """An open connection. What is not `async` blocks: call it in a thread."""

    def __init__(self, url: str | None = None, *, share_network: bool | None = None) -> None:
        """Connect.

        Args:
            url: where the engine listens; None: DOCKER_HOST, or the first usual socket that exists.
            share_network: whether containers use this machine's network instead of one of their
                own; None: only where the engine has no bridge.

        Raises:
            HostError: no engine answers.
        """
        self.url = url or os.environ.get("DOCKER_HOST") or _usual_socket()
        try:
            _knock(self.url)
            self._client = docker.DockerClient(base_url=self.url, timeout=_FIRST_ANSWER)
            networks = self._client.api.networks()
            self._client.api.timeout = _SECONDS
        except (DockerException, RequestException, OSError) as error:
            raise HostError(
                f"no container engine answers at {self.url}: {explained(error)}; start Docker or "
                "Podman's socket, or set DOCKER_HOST"
            ) from None
        bridged = any(network["Driver"] == "bridge" for network in networks)
        self.shares_network = not bridged if share_network is None else share_network
        """Whether containers use this machine's network; else they publish their port on it."""

    @property
    def bind_address(self) -> str:
        """What a server in a container must listen on to be reached at 127.0.0.1 and only there."""
        return "127.0.0.1" if self.shares_network else "0.0.0.0"

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    async def fetch(self, image: str, say: Callable[[str], None] = lambda _: None) -> None:
        """Have the image on this machine, pulling it if it is not.

        Args:
            image: name and tag.
            say: is told how far the pull is.

        Raises:
            HostError: it cannot be pulled.
        """
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(
            self._fetch, image, lambda text: loop.call_soon_threadsafe(say, text)
        )

    def _fetch(self, image: str, say: Callable[[str], Any]) -> None:
        with _named_errors(f"image {image}"):
            try:
                self._client.images.get(image)
                return
            except ImageNotFound:
                pass
            layers: dict[str, tuple[int, int]] = {}
            for news in self._client.api.pull(image, stream=True, decode=True):
                if "error" in news:
                    raise HostError(f"image {image} cannot be pulled: {news['error']}")
                detail = news.get("progressDetail") or {}
                if news.get("status") == "Downloading" and detail.get("total"):
                    layers[news["id"]] = (detail["current"], detail["total"])
                    done, total = (sum(column) for column in zip(*layers.values(), strict=True))
                    say(f"pulling {image}, {done / 2**20:.0f} of {total / 2**20:.0f} MiB")

    def find(self, launch: str) -> Container | None:
        """Return the container of a launch, None if there is none (any more).

        Raises:
            HostError: the engine does not answer.
        """
        with _named_errors("containers"):
            found = self._labelled(f"{LAUNCH_LABEL}={launch}")
            return found[0] if found else None

    def remove(self, container: Container) -> None:
        """Kill and remove a container with its anonymous volumes.

        Raises:
            HostError: the engine refuses.
        """
        with _named_errors(f"container {container.name}"):
            try:
                container.remove(force=True, v=True)
            except NotFound:
                return
            except APIError as error:
                if error.status_code != 409:  # its removal is under way
                    raise

    def remove_leftovers(self) -> list[str]:
        """Remove this user's containers of dead guardians of this machine; return their names.

        Raises:
            HostError: the engine does not answer.
        """
        removed = []
        with _named_errors("containers"):
            for container in self._labelled(OWNER_LABEL, f"{USER_LABEL}={os.getuid()}"):
                mark = ownership.parse(container.labels.get(OWNER_LABEL, ""))
                if mark is not None and self._is_orphaned(container, mark):
                    self.remove(container)
                    removed.append(f"{container.name} of {mark.marker}")
        return removed

    def _labelled(self, *labels: str) -> list[Container]:
        wanted: dict[str, Any] = {"label": list(labels)}
        return self._client.containers.list(all=True, filters=wanted, ignore_removed=True)

    def _is_orphaned(self, container: Container, mark: ownership.Ownership) -> bool:
        if not mark.of_this_place:
            # What a boot of this machine ended. Through a network, it may be another's machine.
            ended = container.status in {"exited", "dead", "created"}
            return ended and mark.boot_id != procfs.boot_id() and self.url.startswith("unix:")
        guardian = ProcessIdentity(
            pid=mark.guardian_pid, start_ticks=mark.guardian_start_ticks, boot_id=mark.boot_id
        )
        return not identity.is_alive(guardian)


def sweep(*, known: bool = True) -> list[str]:
    """Remove what dead runs of this user left with the usual engine; return the names.

    Args:
        known: whether there are such runs. If not, an engine that this user may not ask has nothing
            of theirs.

    Raises:
        HostError: there is an engine, and it does not do it.
    """
    url = os.environ.get("DOCKER_HOST") or _usual_socket()
    path = url.partition("://")[2]
    if url.startswith("unix:") and not is_there(Path(path)):
        return []
    if url.startswith("unix:") and not (known or os.access(path, os.R_OK | os.W_OK)):
        return []
    with closing(ContainerHost(url)) as host:
        return host.remove_leftovers()


def _usual_socket() -> str:
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    paths = [template.format(runtime=runtime) for template in _SOCKETS]
    return "unix://" + next((path for path in paths if is_there(Path(path))), paths[0])


def _knock(url: str) -> None:
    """Raise OSError if nobody listens; the SDK would say so less clearly and leak a socket."""
    if url.startswith("unix:"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(url.partition("://")[2])


@contextmanager
def _named_errors(what: str) -> Iterator[None]:
    """Turn whatever the engine answers into one line."""
    try:
        yield
    except (DockerException, RequestException) as error:
        raise HostError(f"{what}: the container engine says: {explained(error)}") from None


def explained(error: Exception) -> str:
    """Return what the engine, or the way to it, says of an error, in one line."""
    told = error.explanation if isinstance(error, APIError) else None
    if isinstance(error, OSError) and not isinstance(error, RequestException):
        told = error.strerror
    return " ".join(str(told or error).split())[:300]
