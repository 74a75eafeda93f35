"""Which flags of SGLang go together, by its own checks (0.5.23). Pure."""

from collections.abc import Mapping

from core.engines.engine import GpuFacts
from core.engines.memory_estimate import GIB, MemoryEstimate, activations, cache_element
from core.engines.model_facts import ModelFacts
from core.engines.rules import (
    context_too_long,
    first,
    heads_not_shared,
    kv_heads_not_shared,
    too_many_gpus,
)
from core.engines.sizes import fraction, number, size
from core.task import FlagValue

Flags = Mapping[str, FlagValue]

_GRAPH = 2 * 2.0**20
"""Bytes that SGLang sets aside for each request of its largest decode graph."""
_DEFAULTS = ((20, 2048, 8, 8), (35, 4096, 48, 160), (60, 4096, 32, 160), (160, 8192, 256, 512))
"""Of GPUs with less than so many GiB: the default chunk of prefill, and the largest decode graph
below tp 4 and from it on. These and `_GRAPH` are those of `arg_groups/memory_hook.py`."""
_LARGEST_DEFAULTS = (16384, 512, 512)


def conflict(flags: Flags, facts: ModelFacts | None, gpus: GpuFacts | None) -> str | None:
    """Return which flags do not go together, or with the model or the GPUs."""
    tp, pp, dp, attn_dp, _ = sizes(flags)
    shards = tp // attn_dp if tp % attn_dp == 0 else tp
    return first(
        _sizes_divide(flags),
        too_many_gpus(tp * pp * dp, gpus, f"tp {tp} × pp {pp} × dp {dp}"),
        heads_not_shared(shards, facts, "tp-size"),
        kv_heads_not_shared(shards, facts, "tp-size"),
        _chunks(flags),
        _share(flags),
        context_too_long(size(flags.get("context-length")), facts, "context-length"),
        _memory(flags, facts, gpus),
    )


def sizes(flags: Flags) -> tuple[int, int, int, int, int]:
    """Return tp, pp, whole replicas, attention's data parallelism, and ep."""
    tp, pp, dp = (number(flags, f"{kind}-size", 1) for kind in ("tp", "pp", "dp"))
    attn_dp = number(flags, "attn-dp-size", 1)
    if flags.get("enable-dp-attention") and dp > 1:
        attn_dp, dp = dp, 1
    return tp, pp, dp, max(attn_dp, 1), number(flags, "ep-size", 1)


def _sizes_divide(flags: Flags) -> str | None:
    tp, pp, dp, attn_dp, ep = sizes(flags)
    if min(tp, pp, dp, attn_dp, ep) < 1:
        return "sizes of parallelism are 1 or more"
    if tp % attn_dp:
        return f"attn-dp-size {attn_dp} does not divide tp-size {tp}"
    if attn_dp > 1 and dp > 1:
        return "attn-dp-size and dp-size cannot both be above 1"
    if tp % ep:
        return f"ep-size {ep} does not divide tp-size {tp}"
    for name in ("attn-cp-size", "moe-dp-size", "dcp-size"):
        parts = number(flags, name, 1)
        if parts < 1 or tp % parts:
            return f"{name} {parts} does not divide tp-size {tp}"
    if tp % (attn_dp * number(flags, "attn-cp-size", 1)):
        return "attn-dp-size × attn-cp-size does not divide tp-size"
    dense = flags.get("moe-dense-tp-size")
    if dense is not None and size(dense) not in {1, tp}:
        return f"moe-dense-tp-size is 1 or tp-size, not {dense}"
    return None


def _chunks(flags: Flags) -> str | None:
    chunk, page = number(flags, "chunked-prefill-size", 0), number(flags, "page-size", 1)
    if page < 1:
        return f"page-size {page} is below 1"
    if chunk > 0 and chunk < page:
        return f"chunked-prefill-size {chunk} is less than page-size {page}"
    if chunk > 0 and chunk % page:
        return f"chunked-prefill-size {chunk} is no multiple of page-size {page}"
    return None


def _share(flags: Flags) -> str | None:
    share = fraction(flags, "mem-fraction-static")
    if share is not None and not 0 < share < 1:
        return f"mem-fraction-static {share:g} is no share between 0 and 1"
    return None


def memory(flags: Flags, facts: ModelFacts | None, gpus: GpuFacts | None) -> MemoryEstimate | None:
    """Return what the configuration needs at the least; None where that is not known.

    CUDA graphs are those of decoding, counted as SGLang sets memory aside for them; those of
    prefill come on top.
    """
    if facts is None or gpus is None or not gpus.count or flags.get("device") == "cpu":
        return None
    if fraction(flags, "cpu-offload-gb"):
        return None
    quantization = flags.get("quantization")
    loaded = facts.loaded_bytes(None if quantization is None else str(quantization))
    tp, pp, _, attn_dp, _ = sizes(flags)
    page = number(flags, "page-size", 1)
    token = facts.kv_bytes_per_token(
        cache_element(flags.get("kv-cache-dtype")), max(1, tp // attn_dp)
    )
    if loaded is None:
        return None
    return MemoryEstimate(
        weights=loaded / (tp * pp),
        kv_cache=page * (token or 0.0) / pp,
        activations=activations(facts, _chunk(flags, gpus), tp),
        graphs=_GRAPH * _largest_graph(flags, gpus),
        total=gpus.memory,
        share=fraction(flags, "mem-fraction-static"),
        share_flag="mem-fraction-static",
    )


def _defaults(gpus: GpuFacts) -> tuple[int, int, int]:
    known = (rest for below, *rest in _DEFAULTS if gpus.memory < below * GIB)
    chunk, few, many = next(known, _LARGEST_DEFAULTS)
    return chunk, few, many


def _chunk(flags: Flags, gpus: GpuFacts) -> int:
    """Return the most tokens of one prefill; where it is not cut, SGLang reckons with 2048."""
    chunk = number(flags, "chunked-prefill-size", _defaults(gpus)[0])
    return chunk if chunk > 0 else 2048


def _largest_graph(flags: Flags, gpus: GpuFacts) -> int:
    """Return for how many requests the largest decode graph is."""
    off = ("disable-cuda-graph", "disable-decode-cuda-graph")
    if any(flags.get(name) for name in off) or flags.get("cuda-graph-backend-decode") == "disabled":
        return 0
    asked = size(flags.get("cuda-graph-max-bs-decode"))
    if asked is not None:
        return asked
    _, few, many = _defaults(gpus)
    default = few if number(flags, "tp-size", 1) < 4 else many
    return min(default, number(flags, "max-running-requests", default))


def _memory(flags: Flags, facts: ModelFacts | None, gpus: GpuFacts | None) -> str | None:
    estimate = memory(flags, facts, gpus)
    return None if estimate is None else estimate.refusal
