"""What every file to deploy with needs to know of the recommended configuration."""

import re
from dataclasses import dataclass
from pathlib import PurePath

from core.engines.container import image_of, is_tagged, mounts_of
from core.engines.registry import ENGINES
from core.errors import AutotunerError
from core.paths import path_of
from core.report.conclusion import Conclusion
from core.report.launch import PORT, at_usual_port
from core.report.secret_words import secret_variables
from core.task import Mount, is_secret_name

_PATHS = ("/", "~", "./", "../")
_CACHE = "~/.cache/huggingface"
_WEIGHTS = {".gguf", ".safetensors", ".bin", ".pt"}
"""How the name of a model ends that is one file, and no folder."""


@dataclass(frozen=True)
class Deployment:
    """One configuration, ready to be started."""

    name: str
    """Fit for a container, a unit and a file: `chat-8b`."""
    argv: tuple[str, ...] | None
    """The command line that was measured on this machine, secrets masked, with `PORT`; None where
    it was measured in a container."""
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
    mounts: tuple[Mount, ...]
    """Their sources may begin with `~/`."""
    gpus: int
    shm_gib: float
    ipc: str

    @property
    def words(self) -> tuple[str, ...]:
        """The command line that starts the engine itself, wherever that is."""
        return self.argv or self.inside or ()


def deployment(conclusion: Conclusion) -> Deployment | None:
    """Return the recommended configuration; None where there is none, or it was never launched."""
    chosen = conclusion.recommended
    if chosen is None or not chosen.argv:
        return None
    task, model = conclusion.task.task, local_model(conclusion)
    argv = tuple(
        model if model and word == task.model.id_or_path else word
        for word in at_usual_port(chosen.argv)
    )
    in_container = task.deployment_mode == "docker"
    variables = task.engine.environment
    inside = _inside(conclusion, model)
    secrets = [name for name in variables if is_secret_name(name)]
    secrets += secret_variables(argv if inside is None else (*argv, *inside))
    image, guessed = _image(conclusion)
    return Deployment(
        name=_name(task.task_name),
        argv=None if in_container else argv,
        environment={name: v for name, v in variables.items() if name not in secrets},
        secrets=tuple(dict.fromkeys(secrets)),
        image=image,
        guessed_tag=guessed,
        inside=inside,
        mounts=mounts_of(task, _folder(model), _CACHE),
        gpus=0 if conclusion.simulated else len(chosen.gpus),
        shm_gib=task.container.shm_size_gib,
        ipc=task.container.ipc,
    )


def _name(task: str) -> str:
    """Return what Docker, DNS and systemd all take: two to 63 letters, digits and dashes."""
    name = re.sub(r"[^a-z0-9]+", "-", task.lower())[:63].strip("-")
    return name if len(name) > 1 else f"llm-{name}".strip("-")


def _image(conclusion: Conclusion) -> tuple[str | None, bool]:
    task = conclusion.task.task
    engine = ENGINES.get(task.base_runtime)
    image = image_of(task, engine.image if engine else None)
    if image is None or is_tagged(image):
        return image, False
    if task.base_runtime == "llamacpp":
        return f"{image}:server-cuda", True
    began = conclusion.state.began
    version = began.engine_version if began else ""
    tag = f"v{version}" if re.fullmatch(r"\d[\w.]*", version) else "latest"
    return f"{image}:{tag}", True


def _inside(conclusion: Conclusion, model: str | None) -> tuple[str, ...] | None:
    """Return the command line as the image has it: its own program, and every address."""
    task, chosen = conclusion.task.task, conclusion.recommended
    engine = ENGINES.get(task.base_runtime)
    if engine is None or chosen is None:
        return None
    update = {"id_or_path": model or task.model.id_or_path}
    contained = task.model_copy(
        update={"deployment_mode": "docker", "model": task.model.model_copy(update=update)}
    )
    try:
        argv = engine.command(contained, chosen.configuration, port=PORT, host="0.0.0.0").argv
    except AutotunerError:
        return None
    return argv


def local_model(conclusion: Conclusion) -> str | None:
    """Return the absolute path of a model that is files of the user's own, not of a cache."""
    named = conclusion.task.task.model.id_or_path
    hosts = conclusion.state.hosts
    found = PurePath(hosts[-1].model.path if hosts else "")
    # Of a model in a cache, the last part of the path is a commit.
    tail = PurePath(named).parts[-1 if named.startswith(_PATHS) else 0 :]
    if found.is_absolute() and found.parts[-len(tail) :] == tail:
        return str(found)
    return str(path_of(named).absolute()) if named.startswith(_PATHS) else None


def _folder(model: str | None) -> str | None:
    """Return the folder of a model's files, which need not be on this machine."""
    if model is None:
        return None
    place = PurePath(model)
    return str(place.parent if place.suffix.lower() in _WEIGHTS else place)
