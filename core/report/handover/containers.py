"""`docker run` and `compose.yaml` for a deployment."""

import io
import shlex
from typing import Any

from ruamel.yaml import YAML

from core.report.handover.deployment import PORT, Deployment


def docker_run(deployed: Deployment) -> str | None:
    """Return the command, a flag a line; None where no image is known."""
    if deployed.image is None or deployed.inside is None:
        return None
    program, *arguments = deployed.inside
    lines = [f"docker run --rm --name {deployed.name}"]
    if deployed.gpus:
        lines.append(f"--gpus {deployed.gpus}")
    lines += ["--ipc host"] if deployed.ipc == "host" else [f"--shm-size {deployed.shm_gib:g}g"]
    lines.append(f"--publish 127.0.0.1:{PORT}:{PORT}")
    for source, target, read_only in deployed.mounts:
        volume = f"{target}:ro" if read_only else target
        lines.append(f"--volume {_home(source)}:{shlex.quote(volume)}")
    lines += [
        f"--env {shlex.quote(f'{name}={value}')}" for name, value in deployed.environment.items()
    ]
    lines += [f"--env {name}" for name in deployed.secrets]
    lines += [f"--entrypoint {shlex.quote(program)}", shlex.quote(deployed.image)]
    lines.append(" ".join(shlex.quote(word) for word in arguments))
    return " \\\n    ".join(lines) + "\n"


def compose(deployed: Deployment) -> str | None:
    """Return the compose file; None where no image is known."""
    if deployed.image is None or deployed.inside is None:
        return None
    program, *arguments = deployed.inside
    service: dict[str, Any] = {
        "image": deployed.image,
        "container_name": deployed.name,
        "entrypoint": [_plain(program)],
        "command": [_plain(word) for word in arguments],
        "ports": [f"127.0.0.1:{PORT}:{PORT}"],
        "volumes": [
            f"{source}:{target}{':ro' if read_only else ''}"
            for source, target, read_only in deployed.mounts
        ],
        "restart": "unless-stopped",
    }
    service |= (
        {"ipc": "host"} if deployed.ipc == "host" else {"shm_size": f"{deployed.shm_gib:g}gb"}
    )
    variables = [
        *(f"{name}={_plain(value)}" for name, value in deployed.environment.items()),
        *deployed.secrets,  # by name alone: compose passes on what its own shell has
    ]
    if variables:
        service["environment"] = variables
    if deployed.gpus:
        device = {"driver": "nvidia", "count": deployed.gpus, "capabilities": ["gpu"]}
        service["deploy"] = {"resources": {"reservations": {"devices": [device]}}}
    return as_yaml({"services": {deployed.name: service}})


def as_yaml(value: object) -> str:
    """Return a value as YAML in block style."""
    buffer = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 1000
    yaml.dump(value, buffer)
    return buffer.getvalue()


def _plain(word: str) -> str:
    """Return a word that compose leaves alone: it would put variables in the place of `$NAME`."""
    return word.replace("$", "$$")


def _home(path: str) -> str:
    return f'"$HOME"{shlex.quote(path[1:])}' if path.startswith("~/") else shlex.quote(path)
