"""What a task's container is made from, and which folders of the machine it sees."""

import re
from collections.abc import Sequence
from pathlib import PurePath

from core.paths import path_of
from core.task import Mount, Task

_HUGGING_FACE_ID = re.compile(r"[\w.-]+/[\w.-]+")
_CACHE_IN_IMAGES = "/root/.cache/huggingface"
"""Where the engines' official images keep what they download."""


def image_of(task: Task, own: str | None) -> str | None:
    """Return the image with the tag that the task names, if it names one; None without an image.

    Args:
        task: what may name both.
        own: the engine's own image.
    """
    image = task.container.image or own
    if image and task.runtime_image_tag and not is_tagged(image):
        return f"{image}:{task.runtime_image_tag}"
    return image


def is_tagged(image: str) -> bool:
    """Return whether a tag stands behind the image's name, and not just a registry's port in it."""
    return ":" in image.rpartition("/")[2]


def mounts_of(task: Task, model: str | None, cache: str) -> tuple[Mount, ...]:
    """Return the task's mounts, and where the model comes from: its folder, at the same path and
    read-only, or the Hugging Face cache, so that no launch downloads what another one has.

    Each target once: what the task says of it counts.

    Args:
        task: what is served.
        model: the folder of the model's files; None: they are not on the machine.
        cache: the machine's Hugging Face cache.
    """
    mounts = [
        m.model_copy(update={"source": str(path_of(m.source).absolute())})
        for m in task.container.mounts
    ]
    if model is not None:
        mounts.append(Mount(source=model, target=model))
    elif _HUGGING_FACE_ID.fullmatch(task.model.id_or_path):
        target = task.engine.environment.get("HF_HOME") or _CACHE_IN_IMAGES
        mounts.append(Mount(source=cache, target=target, read_only=False))
    return tuple({mount.target: mount for mount in reversed(mounts)}.values())[::-1]


def on_the_machine(path: str, mounts: Sequence[Mount]) -> str:
    """Return where a mounted file of the container is; its own path if it is not mounted.

    Of mounts within each other, the innermost has it.
    """
    for mount in sorted(mounts, key=lambda mount: len(PurePath(mount.target).parts), reverse=True):
        if PurePath(path).is_relative_to(mount.target):
            return str(PurePath(mount.source, PurePath(path).relative_to(mount.target)))
    return path
