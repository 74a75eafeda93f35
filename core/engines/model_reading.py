"""Where a model's own files are, and what they say. Never asks the network."""

from functools import lru_cache
from pathlib import Path

from core.engines.gguf_header import read_gguf
from core.engines.huggingface_model import read_folder
from core.engines.model_facts import ModelFacts
from core.paths import hugging_face_hub, is_there, path_of


def read_facts(named: str) -> ModelFacts | None:
    """Return the facts of a model by its path or its Hugging Face name; None where it is not here.

    Raises:
        HostError: its files cannot be read or understood.
    """
    place = model_place(named)
    if place is None:
        return None
    stamp = max((file.stat().st_mtime_ns for file in (place, *_files(place))), default=0)
    return _read(place, stamp)


def model_place(named: str) -> Path | None:
    """Return the file or folder of a model: a path, or a name in the Hugging Face cache."""
    path = path_of(named)
    if is_there(path):
        return path
    if named.count("/") != 1 or named.startswith(("/", ".", "~")) or "\0" in named:
        return None
    snapshots = hugging_face_hub() / f"models--{named.replace('/', '--')}" / "snapshots"
    found = sorted(snapshots.glob("*/config.json"), key=lambda file: file.stat().st_mtime)
    return found[-1].parent if found else None


def _files(place: Path) -> list[Path]:
    return [*place.glob("*.json"), *place.glob("*.safetensors")] if place.is_dir() else []


@lru_cache(maxsize=16)
def _read(place: Path, _: int) -> ModelFacts | None:
    if place.is_dir():
        return read_folder(place)
    return read_gguf(place) if place.suffix == ".gguf" else None
