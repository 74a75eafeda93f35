"""Which files a model is served from: found by path or in the Hugging Face cache, never fetched."""

import hashlib
import os
import re
from itertools import islice
from pathlib import Path

from core.events import ModelFiles
from core.paths import hugging_face_hub, is_there, path_of

_SAMPLE = 64 * 1024
"""Bytes read at each end of a file: weights that differ at all differ nearly everywhere."""

_MOST_FILES = 2000
"""Files looked at: a model has some hundred at most, and a path may name a whole disk."""

_REVISION = re.compile(r"/snapshots/([0-9a-f]{7,64})(?:/|$)")


def model_files(id_or_path: str) -> ModelFiles:
    """Return the identity of a model's files; what cannot be read counts by its name alone."""
    place = path_of(id_or_path)
    if not is_there(place):
        place = _in_cache(id_or_path) or place
    if not is_there(place):
        return ModelFiles(path=id_or_path)
    place = place.absolute()
    found = [place] if place.is_file() else (f for f in place.rglob("*") if f.is_file())
    files = sorted(islice(found, _MOST_FILES))
    digest, size = hashlib.sha256(), 0
    for file in files:
        name = file.name if place.is_file() else str(file.relative_to(place))
        length, ends = _ends(file)
        size += length
        for part in (name.encode(), str(length).encode(), ends):
            digest.update(len(part).to_bytes(8, "big") + part)
    revision = _REVISION.search(str(place))
    return ModelFiles(
        path=str(place),
        files=len(files),
        bytes=size,
        fingerprint=digest.hexdigest() if files else "",
        revision=revision[1] if revision else "",
    )


def _ends(file: Path) -> tuple[int, bytes]:
    """Return a file's size, and its first and last bytes."""
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            head = stream.read(_SAMPLE)
            stream.seek(max(len(head), size - _SAMPLE))
            return size, head + stream.read(_SAMPLE)
    except OSError:
        return 0, b""


def _in_cache(model: str) -> Path | None:
    """Return the snapshot of a Hugging Face id that `main` stands for in the local cache."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", model):
        return None
    repository = hugging_face_hub() / f"models--{model.replace('/', '--')}"
    try:
        commit = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    snapshot = repository / "snapshots" / commit
    return snapshot if snapshot.is_dir() else None
