"""Data types of weights, KV cache, attention and experts, as flags of each engine.

Four wishes, the same for every engine: `gemm_dtype`, `kvcache_dtype`, `attention_dtype` and
`moe_dtype`; `auto` leaves the engine its own choice. A combination that the engine has no way to
run is refused with the reason, so that no experiment measures something else than it says.
"""

import json
from collections.abc import Callable, Mapping

from core.engines.expansion import Expansion
from core.engines.model_facts import ModelFacts
from core.task import FlagValue

QUANT_FIELDS: dict[str, tuple[str, ...]] = {
    "gemm_dtype": ("auto", "float16", "bfloat16", "float32", "fp8", "int8"),
    "kvcache_dtype": ("auto", "fp16", "bfloat16", "fp8", "fp8_e5m2", "fp8_e4m3", "int8", "int4"),
    "attention_dtype": (
        "auto", "float16", "bfloat16", "fp8", "fp8_e5m2", "fp8_e4m3", "fp8_block",
    ),
    "moe_dtype": ("auto", "float16", "bfloat16", "fp8", "w4afp8", "mxfp4", "int8"),
}  # fmt: skip
"""Every wish and the values it may have."""

QUANT_PRESETS: dict[str, dict[str, str]] = {
    "default": {},
    "kv-cache-fp8": {"kvcache_dtype": "fp8_e5m2"},
    "dynamic-fp8": {
        "gemm_dtype": "fp8",
        "kvcache_dtype": "fp8_e5m2",
        "attention_dtype": "fp8",
        "moe_dtype": "fp8",
    },
    "bf16-stable": {"gemm_dtype": "bfloat16", "kvcache_dtype": "fp8_e5m2"},
    "aggressive-moe": {
        "gemm_dtype": "bfloat16",
        "kvcache_dtype": "fp8_e5m2",
        "attention_dtype": "fp8",
        "moe_dtype": "w4afp8",
    },
}
"""Wishes that go together, by name."""

_VLLM_ATTENTION = (
    "vllm has no flag for attention in fp8: with an fp8 KV cache, backends that can do it do it"
    " by themselves"
)
_SIXTEEN_BITS = {"float16", "bfloat16"}
_PLAIN = {*_SIXTEEN_BITS, "float32"}


def expand_quant(
    engine: str, dims: Mapping[str, FlagValue], facts: ModelFacts | None = None
) -> Expansion:
    """Return the flags of one combination.

    Args:
        engine: its name.
        dims: a value for each wish, `preset` among them; what is stated beside it lies over it.
        facts: the model; None where nothing is known of it.
    """
    wishes = dict.fromkeys(QUANT_FIELDS, "auto")
    preset = dims.get("preset")
    if preset is not None:
        if preset not in QUANT_PRESETS:
            return Expansion.refused(
                f"'{preset}' is no quant_config preset; there are {', '.join(QUANT_PRESETS)}"
            )
        wishes.update(QUANT_PRESETS[str(preset)])
    for name, value in dims.items():
        if name == "preset" or value is None:
            continue
        if name not in QUANT_FIELDS:
            known = ", ".join(QUANT_FIELDS)
            return Expansion.refused(f"quant_config has no {name}; it has {known}")
        if value not in QUANT_FIELDS[name]:
            known = ", ".join(QUANT_FIELDS[name])
            return Expansion.refused(f"{name}: '{value}' is not one of {known}")
        wishes[name] = str(value)
    if engine not in _WAYS:
        if all(value == "auto" for value in wishes.values()):
            return Expansion()
        return Expansion.refused(
            f"{engine} has no flags that are known here; name its own under `parameters`"
        )
    if (refusal := _against_the_model(wishes, facts)) is not None:
        return Expansion.refused(refusal)
    return _WAYS[engine](wishes)


def _against_the_model(wishes: Mapping[str, str], facts: ModelFacts | None) -> str | None:
    """Return which wish the model itself rules out."""
    if facts is None:
        return None
    gemm, moe = wishes["gemm_dtype"], wishes["moe_dtype"]
    if not facts.experts and moe not in {"auto", gemm}:
        return f"moe_dtype {moe}: the model has no experts"
    kind = facts.quantization
    if kind is None or facts.format == "gguf":
        return None
    for name in ("gemm_dtype", "moe_dtype"):
        wish = wishes[name]
        if wish not in {"auto", *_PLAIN} and not wish == gemm == kind:
            return f"{name} {wish}: the model is quantised already ({kind}); leave it auto"
    return None


def _sglang(wishes: Mapping[str, str]) -> Expansion:
    gemm, moe = wishes["gemm_dtype"], wishes["moe_dtype"]
    flags: dict[str, FlagValue] = {}
    if gemm in _PLAIN:
        flags["dtype"] = gemm
    if gemm == "int8":
        return Expansion.refused("gemm_dtype int8: sglang serves int8 only from a quantised model")
    if moe == "int8":
        return Expansion.refused("moe_dtype int8: sglang serves int8 only from a quantised model")
    if gemm == "fp8":
        flags["quantization"] = "fp8"
    if moe in {"w4afp8", "mxfp4"}:
        if moe == "mxfp4" and gemm == "fp8":
            return Expansion.refused(f"gemm_dtype fp8 with moe_dtype {moe}: sglang has one of them")
        flags["quantization"] = moe
        if moe == "mxfp4":
            flags["moe-runner-backend"] = "flashinfer_mxfp4"
    if moe == "fp8" and gemm != "fp8":
        return Expansion.refused("moe_dtype fp8: sglang quantises experts only with gemm_dtype fp8")
    if moe in _SIXTEEN_BITS and gemm == "fp8":
        return Expansion.refused(f"moe_dtype {moe}: sglang's fp8 takes the experts along")
    return Expansion(flags=flags) | _sglang_cache(wishes)


def _sglang_cache(wishes: Mapping[str, str]) -> Expansion:
    cache, attention = wishes["kvcache_dtype"], wishes["attention_dtype"]
    flags: dict[str, FlagValue] = {}
    match cache:
        case "fp8" | "fp8_e5m2":
            flags["kv-cache-dtype"] = "fp8_e5m2"
        case "fp8_e4m3" | "bfloat16":
            flags["kv-cache-dtype"] = cache
        case "fp16" if wishes["gemm_dtype"] != "float16":
            return Expansion.refused("kvcache_dtype fp16: sglang's cache has it with float16 alone")
        case "int8" | "int4":
            return Expansion.refused(f"kvcache_dtype {cache}: sglang's KV cache has no such type")
    if attention == "fp8_block":
        return Expansion.refused("attention_dtype fp8_block: sglang has no such attention")
    if attention.startswith("fp8"):
        if not cache.startswith("fp8"):
            return Expansion.refused(f"attention_dtype {attention}: needs an fp8 kvcache_dtype")
        flags["attention-backend"] = "flashinfer"
    return Expansion(flags=flags) | _sixteen_bit_attention(wishes)


def _sixteen_bit_attention(wishes: Mapping[str, str]) -> Expansion:
    """Attention and experts compute in the type that activations have: `dtype`."""
    flags: dict[str, FlagValue] = {}
    for name in ("attention_dtype", "moe_dtype"):
        wish = wishes[name]
        if wish not in _SIXTEEN_BITS:
            continue
        if wishes["gemm_dtype"] in _PLAIN - {wish} or flags.get("dtype", wish) != wish:
            return Expansion.refused(f"{name} {wish}: it follows the one dtype of the model")
        flags["dtype"] = wish
    return Expansion(flags=flags)


def _vllm(wishes: Mapping[str, str]) -> Expansion:
    gemm, moe = wishes["gemm_dtype"], wishes["moe_dtype"]
    flags: dict[str, FlagValue] = {}
    if gemm in _PLAIN:
        flags["dtype"] = gemm
    if gemm == "int8":
        return Expansion.refused("gemm_dtype int8: vllm serves int8 only from a quantised model")
    if moe == "w4afp8":
        return Expansion.refused("moe_dtype w4afp8: vllm has it only from a model quantised so")
    flags.update(_vllm_weights(gemm, moe))
    cache, attention = wishes["kvcache_dtype"], wishes["attention_dtype"]
    notes: tuple[str, ...] = ()
    if cache != "auto":
        names = {"fp16": "float16", "int8": "int8_per_token_head", "int4": "int4_per_token_head"}
        flags["kv-cache-dtype"] = names.get(cache, cache)
    if attention == "fp8_block":
        return Expansion.refused("attention_dtype fp8_block: vllm has no such attention")
    if attention.startswith("fp8"):
        if not cache.startswith("fp8"):
            return Expansion.refused(f"attention_dtype {attention}: needs an fp8 kvcache_dtype")
        notes = (_VLLM_ATTENTION,)
    return Expansion(flags=flags, notes=notes) | _sixteen_bit_attention(wishes)


def _vllm_weights(gemm: str, moe: str) -> dict[str, FlagValue]:
    """Return the flags that quantise while loading: linear layers and experts each in their way."""
    if gemm == "fp8" and moe in {"auto", "fp8"}:
        return {"quantization": "fp8"}
    kinds = {"fp8": "fp8_per_tensor", "int8": "int8_per_channel_weight_only", "mxfp4": "mxfp4"}
    parts = {"linear": kinds.get(gemm), "moe": kinds.get(moe)}
    wanted = {part: kind for part, kind in parts.items() if kind}
    if not wanted:
        return {}
    return {"quantization": "online", "quantization-config": json.dumps(wanted)}


def _llamacpp(wishes: Mapping[str, str]) -> Expansion:
    for name in ("gemm_dtype", "moe_dtype"):
        if wishes[name] != "auto":
            return Expansion.refused(
                f"{name} {wishes[name]}: the GGUF file has its types; name another file"
            )
    attention, cache = wishes["attention_dtype"], wishes["kvcache_dtype"]
    if attention != "auto":
        return Expansion.refused(f"attention_dtype {attention}: llama.cpp has no such choice")
    types = {"fp16": "f16", "bfloat16": "bf16", "int8": "q8_0", "int4": "q4_0"}
    if cache == "auto":
        return Expansion()
    if cache not in types:
        return Expansion.refused(f"kvcache_dtype {cache}: llama.cpp's KV cache has no such type")
    flags: dict[str, FlagValue] = {"cache-type-k": types[cache], "cache-type-v": types[cache]}
    if types[cache].startswith("q"):
        flags["flash-attn"] = "on"  # a quantised V cache needs it
    return Expansion(flags=flags)


def _simulated(wishes: Mapping[str, str]) -> Expansion:
    gemm, moe = wishes["gemm_dtype"], wishes["moe_dtype"]
    flags: dict[str, FlagValue] = {}
    if gemm not in {"auto", "bfloat16", "fp8"}:
        return Expansion.refused(f"gemm_dtype {gemm}: simulated weights are bfloat16 or fp8")
    if gemm == "fp8":
        flags["quantization"] = "fp8"
    if moe not in {"auto", gemm}:
        return Expansion.refused(f"moe_dtype {moe}: simulated experts have gemm_dtype")
    cache = _sglang_cache({**wishes, "moe_dtype": "auto"})
    if wishes["kvcache_dtype"] == "bfloat16":
        cache = Expansion(flags={k: v for k, v in cache.flags.items() if k != "kv-cache-dtype"})
    if cache.flags.pop("dtype", "bfloat16") != "bfloat16":
        return Expansion.refused("attention_dtype float16: simulated activations are bfloat16")
    return Expansion(flags=flags) | cache


_WAYS: dict[str, Callable[[Mapping[str, str]], Expansion]] = {
    "sglang": _sglang,
    "vllm": _vllm,
    "llamacpp": _llamacpp,
    "simulated": _simulated,
}
