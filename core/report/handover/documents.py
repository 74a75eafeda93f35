"""Every file to deploy with, under the name it is saved by."""

import shlex
from dataclasses import dataclass

from core.report.conclusion import Conclusion
from core.report.findings import Findings
from core.report.handover.config_file import config_file
from core.report.handover.containers import compose, docker_run
from core.report.handover.deployment import Deployment, deployment
from core.report.handover.reproduce import reproduce
from core.report.handover.service import unit
from core.report.launch import launch_command_folded


@dataclass(frozen=True)
class Document:
    """One file."""

    name: str
    """Its file name."""
    title: str
    note: str
    """What to know before using it; may be empty."""
    text: str


def documents(conclusion: Conclusion, found: Findings) -> tuple[Document, ...]:
    """Return the files, the launch command first; none where nothing is recommended."""
    deployed = deployment(conclusion)
    if deployed is None:
        return ()
    environment = conclusion.task.task.engine.environment
    tag = "the image's tag is a guess: check it" if deployed.guessed_tag else ""
    contained, command = docker_run(deployed), None
    if deployed.argv is not None:
        command = launch_command_folded(deployed.argv, environment, 88) + "\n"
    known = [
        ("launch.sh", "Launch command", "" if command else tag, command or contained),
        ("docker-run.sh", "docker run", tag, contained),
        ("compose.yaml", "compose.yaml", tag, compose(deployed)),
        (f"{deployed.name}.service", "systemd unit", "", unit(deployed)),
        (
            f"{deployed.name}.config.yaml",
            "Config file of the engine",
            "",
            config_file(deployed, conclusion.task.task.base_runtime),
        ),
        ("environment.sh", "Environment", "source it before the launch", _environment(deployed)),
        (
            "reproduce.yaml",
            "Task that measures it again",
            "`autotuner verify reproduce.yaml` says whether the figures still hold",
            reproduce(conclusion, found),
        ),
    ]
    return tuple(
        Document(name, title, note, text) for name, title, note, text in known if text is not None
    )


def _environment(deployed: Deployment) -> str | None:
    if not deployed.environment and not deployed.secrets:
        return None
    lines = [f"export {n}={shlex.quote(v)}" for n, v in sorted(deployed.environment.items())]
    lines += [f': "${{{name}:?is a secret; set it first}}"' for name in deployed.secrets]
    return "\n".join(lines) + "\n"
