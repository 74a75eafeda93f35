"""What this machine offers to fill a new task with: engines, models, GPUs. Starts nothing."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from core.engines.engine import GpuFacts
from core.engines.llamacpp import find_llama_server
from core.engines.registry import ENGINES
from core.errors import HostError
from core.machine.gpus import Gpu, Gpus
from core.paths import hugging_face_hub, path_of

_MOST_MODELS = 200
_DEEPEST = 3
_SHARD = "-of-"


@dataclass(frozen=True)
class FoundEngine:
    """An engine, and where it is on this machine."""

    name: str
    where: str
    """A path, or why it need not have one; empty where it was not found."""


@dataclass(frozen=True)
class FoundModel:
    """A model that is on this machine."""

    id_or_path: str
    gguf: bool
    """Whether it is a GGUF file, which llama.cpp serves; else it is in Hugging Face's form."""
    size_bytes: int


@dataclass(frozen=True)
class Machine:
    """What there is."""

    engines: tuple[FoundEngine, ...]
    models: tuple[FoundModel, ...]
    gpus: tuple[Gpu, ...]

    @property
    def gpu_facts(self) -> GpuFacts | None:
        """What a server may get; None where no GPU is to be seen."""
        sizes = [gpu.memory_bytes for gpu in self.gpus if gpu.memory_bytes is not None]
        return GpuFacts(count=len(self.gpus), memory=min(sizes)) if sizes else None

    def engine(self, name: str) -> FoundEngine | None:
        """Return the engine of that name, if it was found."""
        return next((e for e in self.engines if e.name == name and e.where), None)


def discover(gpus: Gpus) -> Machine:
    """Look at this machine. Takes as long as its disks take."""
    present = gpus.present() if gpus.problem() is None else ()
    engines = tuple(FoundEngine(name, _where(name)) for name in ENGINES)
    return Machine(engines, tuple(find_models()), present)


def _where(name: str) -> str:
    with suppress(HostError):
        known = ENGINES[name].catalogue
        if known is not None and known.program is not None:
            return known.program
    match name:
        case "simulated":
            return "built in"
        case "custom":
            return "your own command"
        case "llamacpp":
            try:
                return str(find_llama_server())
            except HostError:
                return ""
    if (program := shutil.which(name)) is not None:
        return program
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return ""
    return str(spec.origin or "") if spec else ""


def model_folders() -> list[Path]:
    """Return where models usually are."""
    home = path_of("~")
    named = os.environ.get("MODELS_DIR") or os.environ.get("LLAMA_CACHE")
    usual = [home / "models", Path("/models"), Path("/data/models"), Path("/mnt/models")]
    return [*([Path(named)] if named else []), home / ".cache/llama.cpp", *usual]


def find_models() -> Iterator[FoundModel]:
    """Yield models of this machine: those in Hugging Face's cache, then those in usual folders."""
    below = (model for folder in model_folders() for model in _below(folder, 0))
    yield from islice(chain(_cached(hugging_face_hub()), below), _MOST_MODELS)


def _cached(cache: Path) -> Iterator[FoundModel]:
    for folder in _entries(cache):
        if not folder.name.startswith("models--"):
            continue
        snapshots = [s for s in _entries(folder / "snapshots") if (s / "config.json").is_file()]
        if snapshots:
            name = folder.name.removeprefix("models--").replace("--", "/", 1)
            yield FoundModel(name, gguf=False, size_bytes=_weights(snapshots[-1]))


def _below(folder: Path, depth: int) -> Iterator[FoundModel]:
    if (folder / "config.json").is_file():
        yield FoundModel(str(folder), gguf=False, size_bytes=_weights(folder))
        return
    for entry in _entries(folder):
        if entry.suffix == ".gguf" and not _is_later_shard(entry) and entry.is_file():
            yield FoundModel(str(entry), gguf=True, size_bytes=entry.stat().st_size)
        elif depth < _DEEPEST and entry.is_dir() and not entry.name.startswith("."):
            yield from _below(entry, depth + 1)


def _is_later_shard(file: Path) -> bool:
    return _SHARD in file.name and "-00001-of-" not in file.name


def _weights(folder: Path) -> int:
    return sum(f.stat().st_size for f in _entries(folder) if f.suffix in {".safetensors", ".bin"})


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
