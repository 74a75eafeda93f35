"""`docker run` and `compose.yaml` for a deployment."""

import csv
import io
import shlex
from collections.abc import Callable, Iterator
from typing import Any

from core.report.conclusion import Conclusion
from core.report.handover.deployment import Deployment, deployment
from core.report.handover.yaml_text import as_yaml
from core.report.launch import PORT, shell_words
from core.report.secret_words import with_variables
from core.task import Mount


def docker_run(deployed: Deployment) -> str | None:
    """Return the command for a shell, a flag a line; None where no image is known."""
    if deployed.image is None or deployed.inside is None:
        return None
    pieces = docker_pieces(deployed, lambda *words: " ".join(shell_words(words)), _from_home)
    return " \\\n    ".join(pieces) + "\n"


def contained_launch(conclusion: Conclusion) -> str | None:
    """Return `docker run` for a recommendation that was measured in a container, else None."""
    deployed = deployment(conclusion)
    if deployed is None or deployed.argv is not None:
        return None
    command = docker_run(deployed)
    return command and command.rstrip("\n")


def docker_pieces(
    deployed: Deployment,
    written: Callable[..., str],
    path: Callable[[str], str],
) -> Iterator[str]:
    """Yield `docker run` in pieces that each stand for themselves: the program, a flag, the rest.

    Args:
        deployed: what is run; its image is known.
        written: writes words.
        path: writes a word that begins with a path of this machine.
    """
    assert deployed.image is not None
    assert deployed.inside is not None
    program, *arguments = deployed.inside
    yield written("docker", "run", "--rm", "--name", deployed.name)
    if deployed.gpus:
        yield written("--gpus", str(deployed.gpus))
    if deployed.ipc == "host":
        yield written("--ipc", "host")
    else:
        yield written("--shm-size", f"{deployed.shm_gib:g}g")
    yield written("--publish", f"127.0.0.1:{PORT}:{PORT}")
    for mount in deployed.mounts:
        if _is_plain(mount):
            yield f"{written('--volume')} {path(_short(mount))}"
        else:
            yield written("--mount", _long(mount))
    for name, value in deployed.environment.items():
        yield written("--env", f"{name}={value}")
    for name in deployed.secrets:
        yield written("--env", name)
    yield written("--entrypoint", program)
    yield written(deployed.image)
    if arguments:
        yield written(*arguments)


def compose(deployed: Deployment) -> str | None:
    """Return the compose file; None where no image is known."""
    if deployed.image is None or deployed.inside is None:
        return None
    program, *arguments = with_variables(
        deployed.inside, _literal, lambda name: f"${{{name}:?is a secret; set it first}}"
    )
    service: dict[str, Any] = {
        "image": deployed.image,
        "container_name": deployed.name,
        "entrypoint": [program],
        "command": arguments,
        "ports": [f"127.0.0.1:{PORT}:{PORT}"],
        "volumes": [
            _literal(_short(mount)) if _is_plain(mount) else _bind(mount)
            for mount in deployed.mounts
        ],
        "restart": "unless-stopped",
    }
    service |= (
        {"ipc": "host"} if deployed.ipc == "host" else {"shm_size": f"{deployed.shm_gib:g}gb"}
    )
    variables = [
        *(f"{name}={_literal(value)}" for name, value in deployed.environment.items()),
        *deployed.secrets,  # by name alone: compose passes on what its own shell has
    ]
    if variables:
        service["environment"] = variables
    if deployed.gpus:
        device = {"driver": "nvidia", "count": deployed.gpus, "capabilities": ["gpu"]}
        service["deploy"] = {"resources": {"reservations": {"devices": [device]}}}
    return as_yaml({"services": {deployed.name: service}})


def _literal(word: str) -> str:
    """Return a word that compose leaves alone: it would put variables in the place of `$NAME`."""
    return word.replace("$", "$$")


def _from_home(path: str) -> str:
    return f'"$HOME"{shlex.quote(path[1:])}' if path.startswith("~/") else shlex.quote(path)


def _is_plain(mount: Mount) -> bool:
    """Return whether colons can part its paths."""
    return not any(":" in path for path in (mount.source, mount.target))


def _short(mount: Mount) -> str:
    return f"{mount.source}:{mount.target}{':ro' if mount.read_only else ''}"


def _long(mount: Mount) -> str:
    """Return a mount as `--mount` takes it: fields of a CSV."""
    fields = ["type=bind", f"source={mount.source}", f"target={mount.target}"]
    fields += ["readonly"] * mount.read_only
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()


def _bind(mount: Mount) -> dict[str, Any]:
    paths = {"source": _literal(mount.source), "target": _literal(mount.target)}
    return {"type": "bind", **paths, "read_only": mount.read_only}
