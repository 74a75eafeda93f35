"""How a model is spread over GPUs, as flags of each engine.

`tp` tensor, `pp` pipeline, `dp` data (whole replicas), `cp` prefill context, `dcp` decode context,
`ep` experts, `attn_dp` data parallelism of attention alone, within `tp`. Sizes; 1 is the engine's
default and written nowhere.
"""

import math
from collections.abc import Callable, Mapping

from core.engines.expansion import Expansion
from core.task import FlagValue

PARALLEL_FIELDS: dict[str, tuple[str, ...]] = {
    "tp": ("tp_size", "tensor_parallel_size", "tensor_parallel"),
    "pp": ("pp_size", "pipeline_parallel_size", "pipeline_parallel"),
    "dp": ("dp_size", "data_parallel_size", "data_parallel"),
    "cp": ("cp_size", "context_parallel_size", "context_parallel"),
    "dcp": ("dcp_size", "decode_context_parallel_size", "decode_context_parallel"),
    "ep": ("ep_size", "expert_parallel_size", "expert_parallel"),
    "attn_dp": ("attn_dp_size",),
    "moe_tp": ("moe_tp_size", "moe_tensor_parallel_size"),
    "moe_ep": ("moe_ep_size", "moe_expert_parallel_size"),
    "moe_cluster": ("moe_cluster_size", "moe_cluster_parallel_size"),
    "moe_dense_tp": ("moe_dense_tp_size",),
    "enable_expert_parallel": (),
    "enable_dp_attention": (),
}
"""Every wish, and the other names it is known by. All are sizes but the last two: switches."""

_SWITCHES = ("enable_expert_parallel", "enable_dp_attention")

_COMMON: dict[str, dict[str, int | bool]] = {
    "single-gpu": {},
    "high-throughput": {"dp": 8},
    "large-model-tp": {"tp": 8},
    "large-model-tp-pp": {"tp": 8, "pp": 2},
    "balanced": {"tp": 2, "dp": 4},
}

PARALLEL_PRESETS: dict[str, dict[str, dict[str, int | bool]]] = {
    "vllm": {
        **_COMMON,
        "moe-optimized": {"tp": 2, "dp": 8, "enable_expert_parallel": True},
        "long-context": {"tp": 4, "dcp": 4},
    },
    # SGLang shares out experts within tp, and attention with attn_dp, which has to divide tp.
    "sglang": {**_COMMON, "moe-optimized": {"tp": 8, "attn_dp": 8, "ep": 8, "moe_dense_tp": 1}},
    "simulated": {name: preset for name, preset in _COMMON.items() if "pp" not in preset},
}
"""Wishes that go together, by engine and name."""

Wishes = Mapping[str, int]


def expand_parallel(engine: str, dims: Mapping[str, FlagValue]) -> Expansion:
    """Return the flags of one combination.

    Args:
        engine: its name.
        dims: a size for each wish, `preset` among them; what is stated beside it lies over it.
    """
    wishes: dict[str, int] = {}
    preset = dims.get("preset")
    if preset is not None:
        presets = PARALLEL_PRESETS.get(engine, {})
        if preset not in presets:
            known = ", ".join(presets) or "none"
            return Expansion.refused(
                f"'{preset}' is no parallel_config preset of {engine}; there are {known}"
            )
        wishes.update({name: int(size) for name, size in presets[str(preset)].items()})
    for name, value in dims.items():
        if name == "preset" or value is None:
            continue
        field = parallel_field(name)
        if field is None:
            known = ", ".join(PARALLEL_FIELDS)
            return Expansion.refused(f"parallel_config has no {name}; it has {known}")
        size = _size(field, value)
        if size is None:
            return Expansion.refused(f"{name}: '{value}' is no size; write a whole number from 1")
        wishes[field] = size
    wishes = {name: size for name, size in wishes.items() if size != _neutral(name, engine)}
    if not wishes:
        return Expansion()
    if engine not in _WAYS:
        return Expansion.refused(
            f"{engine} has no flags that are known here; name its own under `parameters`"
        )
    return _WAYS[engine](wishes)


def parallel_field(name: str) -> str | None:
    """Return the wish that a name stands for, or None."""
    plain = name.replace("-", "_")
    for field, others in PARALLEL_FIELDS.items():
        if plain == field or plain in others:
            return field
    return None


def _size(field: str, value: FlagValue) -> int | None:
    if field in _SWITCHES:
        return int(value) if isinstance(value, bool) else None
    try:
        size = float(value)  # type: ignore[arg-type]  # None is told apart before
    except ValueError:
        return None
    whole = not isinstance(value, bool) and math.isfinite(size) and size.is_integer()
    return int(size) if whole and size >= 1 else None


def _neutral(name: str, engine: str) -> int:
    """Return the size that is written nowhere, because the engine has it anyway."""
    if name == "moe_dense_tp" and engine == "sglang":
        return 0  # there, dense layers follow tp unless they are told 1
    return 0 if name in _SWITCHES else 1


def _named(wishes: Wishes, names: Mapping[str, str]) -> dict[str, FlagValue]:
    return {flag: wishes[name] for name, flag in names.items() if name in wishes}


def _beyond(engine: str, wishes: Wishes, known: tuple[str, ...]) -> str | None:
    """Return which wish the engine has no way to grant."""
    name = next((name for name in wishes if name not in known), None)
    return None if name is None else f"{name} {wishes[name]}: {engine} has no such parallelism"


def _vllm(wishes: Wishes) -> Expansion:
    known = ("tp", "pp", "dp", "cp", "dcp", "ep", "moe_ep", "enable_expert_parallel")
    if refusal := _beyond("vllm", wishes, known):
        return Expansion.refused(refusal)
    flags = _named(
        wishes,
        {
            "tp": "tensor-parallel-size",
            "pp": "pipeline-parallel-size",
            "dp": "data-parallel-size",
            "cp": "prefill-context-parallel-size",
            "dcp": "decode-context-parallel-size",
        },
    )
    group = wishes.get("tp", 1) * wishes.get("dp", 1) * wishes.get("cp", 1)
    for name in ("ep", "moe_ep"):
        if name in wishes and wishes[name] != group:
            return Expansion.refused(
                f"{name} {wishes[name]}: vllm spreads experts over {group} GPUs: tp, cp and dp"
            )
    if any(name in wishes for name in ("ep", "moe_ep", "enable_expert_parallel")):
        flags["enable-expert-parallel"] = True
    return Expansion(flags=flags)


def _sglang(wishes: Wishes) -> Expansion:
    known = (
        "tp", "pp", "dp", "cp", "dcp", "ep", "moe_ep", "attn_dp", "moe_dense_tp", *_SWITCHES,
    )  # fmt: skip
    if refusal := _beyond("sglang", wishes, known):
        return Expansion.refused(refusal)
    sizes = dict(wishes)
    if sizes.pop("enable_dp_attention", 0):
        sizes["attn_dp"] = sizes.pop("dp", sizes.get("attn_dp", sizes.get("tp", 1)))
    if sizes.pop("enable_expert_parallel", 0):
        sizes.setdefault("ep", sizes.get("tp", 1))
    if "moe_ep" in sizes:
        sizes["ep"] = sizes.pop("moe_ep")
    return Expansion(
        flags=_named(
            sizes,
            {
                "tp": "tp-size",
                "pp": "pp-size",
                "dp": "dp-size",
                "cp": "attn-cp-size",
                "dcp": "dcp-size",
                "ep": "ep-size",
                "attn_dp": "attn-dp-size",
                "moe_dense_tp": "moe-dense-tp-size",
            },
        )
    )


def _simulated(wishes: Wishes) -> Expansion:
    if refusal := _beyond("simulated", wishes, ("tp", "dp")):
        return Expansion.refused(refusal)
    return Expansion(flags=_named(wishes, {"tp": "tp-size", "dp": "dp-size"}))


def _llamacpp(wishes: Wishes) -> Expansion:
    name = next(iter(wishes))
    return Expansion.refused(
        f"{name} {wishes[name]}: llama.cpp spreads a model by split-mode and tensor-split"
    )


_WAYS: dict[str, Callable[[Wishes], Expansion]] = {
    "vllm": _vllm,
    "sglang": _sglang,
    "simulated": _simulated,
    "llamacpp": _llamacpp,
}
