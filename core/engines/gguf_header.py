"""Facts out of the header of a GGUF file. Reads a few megabytes at most, whatever the file's size.

The format: github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

import mmap
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.engines.model_facts import ModelFacts
from core.errors import HostError

_MAGIC = b"GGUF"
_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?",
            10: "<Q", 11: "<q", 12: "<d"}  # fmt: skip
_TEXT, _ARRAY = 8, 9
_SHORT_ARRAY = 1024
"""Longer arrays are the tokenizer's, and are passed over."""

FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M",
    30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE",
}  # fmt: skip
"""What `general.file_type` says of most of the weights."""

_UNQUANTISED = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")


class _Reader:
    """Reads one value after another."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        if count < 0 or self._at + count > len(self._data):
            raise ValueError("ends in the middle of its header")
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def text(self) -> str:
        return self.take(self.number("<Q")).decode("utf-8", "replace")

    def value(self, kind: int) -> Any:
        if kind in _NUMBERS:
            return self.number(_NUMBERS[kind])
        if kind == _TEXT:
            return self.text()
        if kind == _ARRAY:
            return self._array()
        raise ValueError(f"has a value of the unknown kind {kind}")

    def _array(self) -> list[Any] | None:
        kind, count = self.number("<I"), self.number("<Q")
        if count <= _SHORT_ARRAY:
            return [self.value(kind) for _ in range(count)]
        if kind in _NUMBERS:
            self._skip(count * struct.calcsize(_NUMBERS[kind]))
            return None
        if kind != _TEXT:
            raise ValueError("nests long arrays")
        for _ in range(count):
            self._skip(self.number("<Q"))
        return None

    def _skip(self, count: int) -> None:
        if self._at + count > len(self._data):
            raise ValueError("ends in the middle of its header")
        self._at += count


def read_gguf(path: Path) -> ModelFacts:
    """Return what the header says; of a model in several files, of all of them.

    Raises:
        HostError: it cannot be read, or is no GGUF file.
    """
    try:
        return _facts(path)
    except OSError as error:
        raise HostError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, struct.error) as error:
        raise HostError(f"{path}: is no GGUF file that can be understood: {error}") from None


def _facts(path: Path) -> ModelFacts:
    entries: dict[str, Any] = {}
    parameters = stored = 0
    missing = []
    for part in _parts(path):
        if not part.exists():
            missing.append(part.name)
            continue
        with part.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found, count = _header(data)
            entries = {**found, **entries}
            parameters += count
            stored += len(data)
    architecture = str(entries.get("general.architecture", ""))

    def entry(name: str) -> int | None:
        value = entries.get(f"{architecture}.{name}")
        if isinstance(value, list) and value:  # one for each layer
            value = max(value)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    hidden, heads = entry("embedding_length"), entry("attention.head_count")
    key = entry("attention.key_length") or (hidden // heads if hidden and heads else None)
    value = entry("attention.value_length") or key
    kind = FILE_TYPES.get(entries.get("general.file_type", -1))
    tokens = entry("vocab_size")
    return ModelFacts(
        format="gguf",
        architecture=architecture,
        parameters=None if missing else parameters,
        weight_bytes=None if missing else stored,
        layers=entry("block_count"),
        hidden=hidden,
        intermediate=entry("feed_forward_length"),
        heads=heads,
        kv_heads=entry("attention.head_count_kv") or heads,
        head_size=None if key is None or value is None else (key + value) // 2,
        vocabulary=tokens,
        experts=entry("expert_count") or 0,
        context=entry("context_length"),
        dtype=_UNQUANTISED.get(kind or ""),
        quantization=None if kind in _UNQUANTISED else kind,
        missing_files=tuple(missing),
    )


def _header(data: mmap.mmap) -> tuple[dict[str, Any], int]:
    """Return the entries, and how many numbers the tensors have."""
    reader = _Reader(data)
    if reader.take(4) != _MAGIC:
        raise ValueError("does not begin with GGUF")
    if reader.number("<I") not in {2, 3}:
        raise ValueError("is of a version that is not known here")
    tensors, count = reader.number("<Q"), reader.number("<Q")
    entries: dict[str, Any] = {}
    for _ in range(count):
        name = reader.text()
        entries[name] = reader.value(reader.number("<I"))
    return entries, sum(_sizes(reader, tensors))


def _sizes(reader: _Reader, tensors: int) -> Iterator[int]:
    for _ in range(tensors):
        reader.text()
        elements = 1
        for _ in range(reader.number("<I")):
            elements *= reader.number("<Q")
        reader.number("<I")
        reader.number("<Q")
        yield elements


def _parts(path: Path) -> list[Path]:
    """Return all files of a model that is split: `m-00001-of-00003.gguf` and its fellows."""
    found = _PART.search(path.name)
    if found is None:
        return [path]
    stem, total = path.name[: found.start()], int(found[2])
    return [path.with_name(f"{stem}-{n:05d}-of-{total:05d}.gguf") for n in range(1, total + 1)]
