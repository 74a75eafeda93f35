"""Facts out of a Hugging Face folder: `config.json`, and the headers of its safetensors files."""

import json
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from core.engines.model_facts import ModelFacts
from core.errors import HostError

_LONGEST_HEADER = 200 << 20
_LANGUAGE_PARTS = ("text_config", "llm_config", "language_config")
"""Where models that also see or hear keep what their language part is."""
_GROWING = {"full_attention", "attention", "global_attention", "global"}
"""Layers whose KV cache grows with the context; windows and linear attention do not."""


def read_folder(folder: Path) -> ModelFacts | None:
    """Return what a model's folder says, or None where it has no `config.json`.

    Raises:
        HostError: a file cannot be read or understood.
    """
    config = _json(folder / "config.json")
    if config is None:
        return None
    inner = next(
        (config[part] for part in _LANGUAGE_PARTS if isinstance(config.get(part), dict)), config
    )
    weights = _weights(folder)
    hidden, heads = (
        _number(inner, "hidden_size", "n_embd"),
        _number(inner, "num_attention_heads", "n_head"),
    )
    size = _number(inner, "head_dim") or (hidden // heads if hidden and heads else None)
    latent, rope = _number(inner, "kv_lora_rank"), _number(inner, "qk_rope_head_dim")
    layers = _number(inner, "num_hidden_layers", "n_layer")
    names = config.get("architectures")
    kinds = inner.get("layer_types")
    return ModelFacts(
        format="huggingface",
        architecture=str(names[0]) if isinstance(names, list) and names else "",
        parameters=weights.parameters,
        weight_bytes=weights.stored,
        layers=layers,
        kv_layers=_growing(kinds) if isinstance(kinds, list) else None,
        hidden=hidden,
        intermediate=_number(inner, "intermediate_size", "ffn_dim", "n_inner"),
        heads=heads,
        kv_heads=_number(inner, "num_key_value_heads") or heads,
        head_size=size,
        latent=latent + (rope or 0) if latent else None,
        vocabulary=_number(inner, "vocab_size"),
        experts=_number(inner, "num_experts", "num_local_experts", "n_routed_experts") or 0,
        context=_number(inner, "max_position_embeddings", "n_positions", "max_seq_len"),
        dtype=_dtype(config, inner),
        quantization=_quantization(folder, config, inner),
        missing_files=weights.missing,
    )


class _Weights:
    """What the weight files come to."""

    def __init__(self) -> None:
        self.parameters: int | None = None
        self.stored: int | None = None
        self.missing: tuple[str, ...] = ()


def _weights(folder: Path) -> _Weights:
    found = _Weights()
    index = _json(folder / "model.safetensors.index.json") or {}
    named = index.get("weight_map")
    names = sorted(set(named.values())) if isinstance(named, dict) else []
    files = [folder / str(name) for name in names] or sorted(folder.glob("*.safetensors"))
    found.missing = tuple(file.name for file in files if not file.exists())
    if found.missing:
        total = (index.get("metadata") or {}).get("total_size")
        found.stored = int(total) if isinstance(total, int | float) else None
    elif files:
        sizes = [_safetensors(file) for file in files]
        found.parameters = sum(parameters for parameters, _ in sizes)
        found.stored = sum(stored for _, stored in sizes)
    elif older := list(folder.glob("pytorch_model*.bin")):
        found.stored = sum(file.stat().st_size for file in older)
    return found


def _safetensors(path: Path) -> tuple[int, int]:
    """Return how many numbers a file has, and their bytes."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _LONGEST_HEADER:
                raise ValueError("its header is too long")
            tensors = json.loads(file.read(length))
        entries = [entry for name, entry in tensors.items() if name != "__metadata__"]
        spans = (entry["data_offsets"] for entry in entries)
        return sum(prod(entry["shape"]) for entry in entries), sum(b - a for a, b in spans)
    except OSError as error:
        raise HostError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, struct.error, KeyError, TypeError, AttributeError):
        raise HostError(f"{path}: is no safetensors file; perhaps its download broke off") from None


def _json(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise HostError(f"{path}: is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise HostError(f"{path}: holds no JSON object")
    return document


def _number(config: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _growing(kinds: list[Any]) -> int | None:
    return sum(str(kind) in _GROWING for kind in kinds) or None


def _dtype(config: Mapping[str, Any], inner: Mapping[str, Any]) -> str | None:
    for source in (inner, config):
        for name in ("dtype", "torch_dtype"):
            if isinstance(source.get(name), str):
                return str(source[name]).removeprefix("torch.")
    return None


def _quantization(folder: Path, config: Mapping[str, Any], inner: Mapping[str, Any]) -> str | None:
    """Return the method that the model's own configuration names."""
    said = config.get("quantization_config") or inner.get("quantization_config")
    if not isinstance(said, dict):
        # NVIDIA's ModelOpt writes it into a file of its own.
        said = (_json(folder / "hf_quant_config.json") or {}).get("quantization")
    if not isinstance(said, dict):
        return None
    method, algorithm = said.get("quant_method"), said.get("quant_algo")
    if isinstance(algorithm, str) and (method is None or method == "modelopt"):
        return algorithm.lower()
    return str(method).lower() if method else None
