"""What every file to deploy with needs to know of the recommended configuration."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.engines.registry import ENGINES
from core.errors import AutotunerError
from core.report.conclusion import Conclusion
from core.task import is_secret_name

PORT = 8000
"""Where a deployed server listens; a container inside and, on 127.0.0.1, outside."""

_HUGGING_FACE = "HF_TOKEN"


@dataclass(frozen=True)
class Deployment:
    """One configuration, ready to be started."""

    name: str
    """Fit for a container, a unit and a file: `chat-8b`."""
    argv: tuple[str, ...]
    """The command line that was measured on this machine, secrets masked, with `PORT`."""
    environment: dict[str, str]
    """Variables without secrets."""
    secrets: tuple[str, ...]
    """Names of variables that hold secrets."""
    image: str | None
    """Name and tag; None where no image is known."""
    guessed_tag: bool
    """Whether the tag was made up from the engine's version, or is missing."""
    inside: tuple[str, ...] | None
    """The command line in the container; None where it cannot be spelled."""
    mounts: tuple[tuple[str, str, bool], ...]
    """Source, target, whether read-only."""
    gpus: int
    shm_gib: float
    ipc: str


def deployment(conclusion: Conclusion) -> Deployment | None:
    """Return the recommended configuration; None where there is none, or it was never launched."""
    chosen = conclusion.recommended
    if chosen is None or not chosen.argv:
        return None
    task = conclusion.task.task
    variables = task.engine.environment
    secrets = [name for name in variables if is_secret_name(name)]
    image, guessed = _image(conclusion)
    return Deployment(
        name=re.sub(r"[^a-z0-9]+", "-", task.task_name.lower()).strip("-") or "llm",
        argv=_at_port(chosen.argv),
        environment={name: v for name, v in variables.items() if name not in secrets},
        secrets=tuple(secrets),
        image=image,
        guessed_tag=guessed,
        inside=_inside(conclusion),
        mounts=_mounts(conclusion),
        gpus=0 if conclusion.simulated else len(chosen.gpus),
        shm_gib=task.container.shm_size_gib,
        ipc=task.container.ipc,
    )


def _at_port(argv: Sequence[str]) -> tuple[str, ...]:
    """Return a command line with `PORT` in place of the one that happened to be free."""
    words = list(argv)
    for number, word in enumerate(words):
        if word.startswith("--port="):
            words[number] = f"--port={PORT}"
        elif word == "--port" and number + 1 < len(words):
            words[number + 1] = str(PORT)
    return tuple(words)


def _image(conclusion: Conclusion) -> tuple[str | None, bool]:
    task = conclusion.task.task
    engine = ENGINES.get(task.base_runtime)
    image = task.container.image or (engine.image if engine else None)
    if image is None or ":" in image.rpartition("/")[2]:
        return image, False
    if task.runtime_image_tag:
        return f"{image}:{task.runtime_image_tag}", False
    if task.base_runtime == "llamacpp":
        return f"{image}:server-cuda", True
    began = conclusion.state.began
    version = began.engine_version if began else ""
    tag = f"v{version}" if re.fullmatch(r"\d[\w.]*", version) else "latest"
    return f"{image}:{tag}", True


def _inside(conclusion: Conclusion) -> tuple[str, ...] | None:
    """Return the command line as the image has it: its own program, and every address."""
    task, chosen = conclusion.task.task, conclusion.recommended
    engine = ENGINES.get(task.base_runtime)
    if engine is None or chosen is None:
        return None
    contained = task.model_copy(update={"deployment_mode": "docker"})
    try:
        argv = engine.command(contained, chosen.configuration, port=PORT, host="0.0.0.0").argv
    except AutotunerError:
        return None
    return argv


def _mounts(conclusion: Conclusion) -> tuple[tuple[str, str, bool], ...]:
    task = conclusion.task.task
    mounts = [(m.source, m.target, m.read_only) for m in task.container.mounts]
    model = task.model.id_or_path
    if model.startswith(("/", "~", "./", "../")):
        place = Path(model).expanduser()
        folder = str(place.parent if place.suffix else place)
        mounts.append((folder, folder, True))
    else:
        mounts.append(("~/.cache/huggingface", "/root/.cache/huggingface", False))
    return tuple(mounts)
