"""Which flags of llama-server go together, and what they need of a GPU. Pure."""

from collections.abc import Mapping

from core.engines.engine import GpuFacts
from core.engines.memory_estimate import MemoryEstimate, cache_element
from core.engines.model_facts import ModelFacts
from core.engines.sizes import number, size
from core.task import FlagValue

_WHOLE = {"f32", "f16", "bf16"}
_FITTED_CONTEXT = 4096
"""The least context that `fit` shrinks to."""


def conflict(
    flags: Mapping[str, FlagValue], facts: ModelFacts | None, gpus: GpuFacts | None
) -> str | None:
    """Return which flags do not go together, or with the model or the GPUs."""
    cache = str(flags.get("cache-type-v") or "f16")
    if cache not in _WHOLE and str(flags.get("flash-attn")).lower() in {"off", "0", "false"}:
        return f"cache-type-v {cache} is quantised and needs flash-attn"
    batch, part = size(flags.get("batch-size")), size(flags.get("ubatch-size"))
    if batch is not None and part is not None and part > batch:
        return f"ubatch-size {part} would be cut to batch-size {batch}"
    estimate = memory(flags, facts, gpus)
    return None if estimate is None else estimate.refusal


def memory(
    flags: Mapping[str, FlagValue], facts: ModelFacts | None, gpus: GpuFacts | None
) -> MemoryEstimate | None:
    """Return what the configuration needs of one GPU; None where that is not known.

    The whole KV cache is allocated at the start. Of activations, the logits of a ubatch in 32 bits
    are counted, the largest buffer that llama.cpp's graph has. Unless `fit` is off, llama-server
    itself takes fewer layers or less context where memory is short and they are left to it.
    """
    if facts is None or gpus is None or not gpus.count or facts.weight_bytes is None:
        return None
    layers, asked = facts.layers or 0, size(flags.get("n-gpu-layers"))
    if any(name in flags for name in ("cpu-moe", "n-cpu-moe", "override-tensor", "no-kv-offload")):
        return None
    on_gpu = 1.0 if asked is None or asked > layers else asked / (layers + 1)
    fitted = str(flags.get("fit", "on")) != "off"
    context = number(flags, "ctx-size", 0)
    tokens = context or (_FITTED_CONTEXT if fitted else facts.context or 0)
    elements = [cache_element(flags.get(f"cache-type-{kind}")) for kind in ("k", "v")]
    token = facts.kv_bytes_per_token(sum(elements) / 2) or 0.0
    ubatch = number(flags, "ubatch-size", 512)
    return MemoryEstimate(
        weights=facts.weight_bytes * on_gpu,
        kv_cache=token * tokens * on_gpu,
        activations=4.0 * ubatch * (facts.vocabulary or 0) if on_gpu == 1.0 else 0.0,
        reserve=0.0,
        total=gpus.memory,
        shrinks=gpus.count > 1 or (fitted and (asked is None or not context)),
    )
