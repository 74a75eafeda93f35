"""Which flags of vLLM go together, by its own checks (0.32). Pure."""

from collections.abc import Mapping

from core.engines.engine import GpuFacts
from core.engines.memory_estimate import GIB, MemoryEstimate, activations, cache_element
from core.engines.model_facts import ModelFacts
from core.engines.rules import (
    context_too_long,
    first,
    heads_not_shared,
    too_many_gpus,
)
from core.engines.sizes import fraction, number, size
from core.task import FlagValue

Flags = Mapping[str, FlagValue]

_DEFAULT_SHARE = 0.92
"""gpu-memory-utilization where it is left out."""
_GRAPH = 2.0**20
"""Bytes that vLLM reckons with for each CUDA graph at the least: `_MIN_PER_GRAPH_BYTES` of its
`cudagraph_utils.py`."""


def conflict(flags: Flags, facts: ModelFacts | None, gpus: GpuFacts | None) -> str | None:
    """Return which flags do not go together, or with the model or the GPUs."""
    tp, pp, dp, cp, _ = sizes(flags)
    if min(tp, pp, dp, cp) < 1:
        return "sizes of parallelism are 1 or more"
    return first(
        too_many_gpus(tp * pp * dp * cp, gpus, f"tp {tp} × pp {pp} × dp {dp} × cp {cp}"),
        heads_not_shared(tp, facts, "tensor-parallel-size"),
        _pipeline(pp, facts),
        _decode_context(flags, facts),
        _experts(flags),
        _batches(flags, facts),
        _share(flags),
        context_too_long(longest(flags), facts, "max-model-len"),
        _memory(flags, facts, gpus),
    )


def sizes(flags: Flags) -> tuple[int, int, int, int, int]:
    """Return tp, pp, dp, and context parallelism of prefill and of decoding."""
    names = ("tensor", "pipeline", "data", "prefill-context", "decode-context")
    tp, pp, dp, cp, dcp = (number(flags, f"{name}-parallel-size", 1) for name in names)
    return tp, pp, dp, cp, dcp


def longest(flags: Flags) -> int | None:
    """Return max-model-len; None where vLLM is to find it."""
    asked = size(flags.get("max-model-len"))
    return None if asked is None or asked < 1 else asked


def _pipeline(pp: int, facts: ModelFacts | None) -> str | None:
    if facts is None or facts.layers is None or pp <= facts.layers:
        return None
    return f"pipeline-parallel-size {pp} is more than the model's {facts.layers} layers"


def _decode_context(flags: Flags, facts: ModelFacts | None) -> str | None:
    tp, _, _, cp, dcp = sizes(flags)
    if dcp == 1:
        return None
    if cp == 1 and tp % dcp:
        return f"decode-context-parallel-size {dcp} does not divide tensor-parallel-size {tp}"
    if facts is None or facts.kv_heads is None or facts.latent is not None:
        return None
    if tp <= facts.kv_heads or dcp > tp // facts.kv_heads:
        return (
            f"decode-context-parallel-size {dcp} needs tensor-parallel-size of at least"
            f" {dcp} × {facts.kv_heads} KV heads = {dcp * facts.kv_heads}"
        )
    return None


def _experts(flags: Flags) -> str | None:
    if flags.get("enable-eplb") and not flags.get("enable-expert-parallel"):
        return "enable-eplb needs enable-expert-parallel"
    return None


def _batches(flags: Flags, facts: ModelFacts | None) -> str | None:
    tokens, requests = (size(flags.get(f"max-num-{what}")) for what in ("batched-tokens", "seqs"))
    context = longest(flags) or (facts.context if facts else None)
    if tokens is not None and requests is not None and tokens < requests:
        return f"max-num-batched-tokens {tokens} is less than max-num-seqs {requests}"
    if flags.get("enable-chunked-prefill") is not False or tokens is None or context is None:
        return None
    if tokens < context:
        return (
            f"max-num-batched-tokens {tokens} is less than max-model-len {context}, which needs"
            " chunked prefill"
        )
    return None


def _share(flags: Flags) -> str | None:
    share = fraction(flags, "gpu-memory-utilization")
    if share is not None and not 0 < share <= 1:
        return f"gpu-memory-utilization {share:g} is no share above 0 and up to 1"
    return None


def memory(flags: Flags, facts: ModelFacts | None, gpus: GpuFacts | None) -> MemoryEstimate | None:
    """Return what the configuration needs at the least; None where that is not known.

    vLLM does not start unless one request of max-model-len tokens fits into its share, beside the
    activations and CUDA graphs that it measures first.
    """
    if facts is None or gpus is None or not gpus.count or fraction(flags, "cpu-offload-gb"):
        return None
    quantization = flags.get("quantization")
    loaded = facts.loaded_bytes(None if quantization is None else str(quantization))
    if loaded is None:
        return None
    tp, pp, _, cp, dcp = sizes(flags)
    token = facts.kv_bytes_per_token(cache_element(flags.get("kv-cache-dtype")), tp)
    fitted = str(flags.get("max-model-len")) in {"auto", "-1"}
    context = None if fitted else longest(flags) or facts.context
    # Hybrid models share their memory between kinds of layers in ways of their own.
    plain = facts.kv_layers is None and cp == dcp == 1
    cache = (token or 0.0) * context / pp if plain and context else 0.0
    by_bytes = size(flags.get("kv-cache-memory-bytes"))
    share = fraction(flags, "gpu-memory-utilization") or _DEFAULT_SHARE
    return MemoryEstimate(
        weights=loaded / (tp * pp),
        kv_cache=cache if by_bytes is None else by_bytes,
        activations=activations(facts, _batch(flags, gpus, context), tp),
        graphs=_GRAPH * _graphs(flags, gpus),
        total=gpus.memory,
        share=share if by_bytes is None else None,
        share_flag="gpu-memory-utilization",
        share_has_all=True,
    )


def _requests(flags: Flags, gpus: GpuFacts) -> int:
    """Return the most requests of a batch; the default is that of a server (`arg_utils.py`)."""
    return number(flags, "max-num-seqs", 1024 if gpus.memory >= 160 * GIB else 256)


def _batch(flags: Flags, gpus: GpuFacts, context: int | None) -> int:
    """Return the most tokens of a batch; of two defaults that depend on the GPU, the smaller."""
    asked = size(flags.get("max-num-batched-tokens"))
    if asked is not None:
        return asked
    default = 16384 if gpus.memory >= 160 * GIB else 2048
    return default if context is None else min(default, _requests(flags, gpus) * context)


def _graphs(flags: Flags, gpus: GpuFacts) -> int:
    """Return how many CUDA graphs of decoding there are: 1, 2, 4, then every 8, from 256 every 16.

    Up to twice the most requests, or 512; those for whole batches of decoding, up to the requests.
    """
    mode = flags.get("compilation-config.cudagraph_mode", "")
    if flags.get("enforce-eager") or str(mode).upper() == "NONE":
        return 0
    if flags.get("optimization-level") in {0, "0"} or "compilation-config" in flags:
        return 0
    requests = _requests(flags, gpus)
    most = min(number(flags, "max-cudagraph-capture-size", min(2 * requests, 512)), requests)
    sizes = (1, 2, 4, *range(8, 256, 8), *range(256, most + 1, 16))
    return sum(one <= most for one in sizes)


def _memory(flags: Flags, facts: ModelFacts | None, gpus: GpuFacts | None) -> str | None:
    estimate = memory(flags, facts, gpus)
    return None if estimate is None else estimate.refusal
