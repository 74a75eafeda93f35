"""The same thing under another engine's name, or under a name it once had. Data.

`accepted_as` is for short names that people write for every engine: `tp`, `mem-frac`. `meant_by`
only explains: a flag of another engine is refused with the right name beside it, and not
translated in silence, since the two are alike but seldom the same.
"""

from typing import NamedTuple


class Concept(NamedTuple):
    """One thing that several engines have a flag for."""

    sglang: str = ""
    vllm: str = ""
    llamacpp: str = ""
    neutral: tuple[str, ...] = ()
    """Names that are taken for it with every engine that has it."""


CONCEPTS = (
    Concept(
        "tp-size",
        "tensor-parallel-size",
        neutral=("tp", "tp-size", "tensor-parallel-size", "tensor-parallel"),
    ),
    Concept(
        "pp-size",
        "pipeline-parallel-size",
        neutral=("pp", "pp-size", "pipeline-parallel-size", "pipeline-parallel"),
    ),
    Concept(
        "dp-size",
        "data-parallel-size",
        neutral=("dp", "dp-size", "data-parallel-size", "data-parallel"),
    ),
    Concept(
        "attn-cp-size",
        "prefill-context-parallel-size",
        neutral=("cp", "cp-size", "context-parallel-size", "pcp"),
    ),
    Concept(
        "dcp-size",
        "decode-context-parallel-size",
        neutral=("dcp", "dcp-size", "decode-context-parallel-size"),
    ),
    Concept("ep-size", "enable-expert-parallel"),
    Concept("mem-fraction-static", "gpu-memory-utilization", neutral=("mem-frac", "mem-fraction")),
    Concept("max-running-requests", "max-num-seqs", "parallel"),
    Concept("chunked-prefill-size", "max-num-batched-tokens", "ubatch-size"),
    Concept("context-length", "max-model-len", "ctx-size"),
    Concept("page-size", "block-size"),
    Concept("schedule-policy", "scheduling-policy"),
    Concept("max-total-tokens", "num-gpu-blocks-override"),
    Concept("disable-radix-cache", "no-enable-prefix-caching", "no-cache-prompt"),
    Concept("kv-cache-dtype", "kv-cache-dtype", "cache-type-k"),
    Concept("max-queued-requests", "max-num-queued-reqs"),
    Concept("cuda-graph-max-bs-decode", "max-cudagraph-capture-size"),
    Concept("cuda-graph-bs-decode", "cudagraph-capture-sizes"),
    Concept("cuda-graph-backend-decode disabled", "enforce-eager"),
    Concept("disable-overlap-schedule", "no-async-scheduling"),
    Concept("random-seed", "seed", "seed"),
    Concept("speculative-algorithm", "speculative-config", "model-draft"),
    Concept("tokenizer-path", "tokenizer"),
    Concept("quantization", "quantization"),
)

RENAMED = {
    "sglang": {
        "cuda-graph-max-bs": "cuda-graph-max-bs-decode",
        "cuda-graph-bs": "cuda-graph-bs-decode",
        "max-micro-batch-size": "pp-max-micro-batch-size",
        "enable-ep-moe": "ep-size",
        "enable-deepep-moe": "moe-a2a-backend deepep",
        "enable-flashinfer-cutlass-moe": "moe-runner-backend flashinfer_cutlass",
        "enable-flashinfer-trtllm-moe": "moe-runner-backend flashinfer_trtllm",
        "enable-flashinfer-mxfp4-moe": "moe-runner-backend flashinfer_mxfp4",
        "enable-triton-kernel-moe": "moe-runner-backend triton_kernel",
        "hybrid-kvcache-ratio": "swa-full-tokens-ratio",
        "schedule-heuristic": "schedule-policy",
    },
    "vllm": {
        "cuda-graph-sizes": "cudagraph-capture-sizes",
        "max-seq-len-to-capture": "max-cudagraph-capture-size",
        "guided-decoding-backend": "structured-outputs-config.backend",
        "num-speculative-tokens": "speculative-config",
        "disable-log-requests": "no-enable-log-requests",
        "use-v2-block-manager": "block-size",
    },
    "llamacpp": {"mlock": "load-mode", "mmap": "load-mode", "no-mmap": "load-mode"},
}
"""What became of flags that an engine had in earlier versions."""


def accepted_as(name: str, engine: str) -> str:
    """Return what the engine calls the flag of this plain name, which may be a neutral one."""
    for concept in CONCEPTS:
        if name in concept.neutral:
            return getattr(concept, engine, "") or name
    return name


def meant_by(name: str, engine: str) -> str | None:
    """Return what the engine calls what this name, which it lacks, is with others or once was."""
    if name in RENAMED.get(engine, {}):
        return RENAMED[engine][name]
    for concept in CONCEPTS:
        if name in (*concept[:3], *concept.neutral):
            return getattr(concept, engine, "") or None
    return None
