"""The flags that matter most with each engine, over values that suit the model and the GPUs. Pure.

For a task that leaves `parameters` out. None of them changes what the model answers: quantising
weights or the KV cache does, and is for the user to ask for (`quant_config`). `null` is the
engine's own choice and the point to start from.
"""

import os
from collections.abc import Sequence

from core.engines.engine import GpuFacts
from core.engines.memory_estimate import RESERVE
from core.engines.model_facts import ModelFacts
from core.task import Choices, FlagValue, ParameterSpace

Space = dict[str, ParameterSpace]


def sglang(facts: ModelFacts | None, gpus: GpuFacts | None) -> Space:
    """Return SGLang's."""
    return _space(
        {
            **_shards("tp-size", facts, gpus),
            "chunked-prefill-size": [None, 2048, 4096, 16384],
            "max-running-requests": [None, 64, 128, 512],
            "mem-fraction-static": [None, 0.85, 0.9],
            "schedule-policy": ["fcfs", "lpm"],
            "schedule-conservativeness": [1.0, 0.5],
            "enable-mixed-chunk": [False, True],
            "attention-backend": [None, "flashinfer", "triton"],
            "cuda-graph-max-bs-decode": [None, 128, 512],
            "num-continuous-decode-steps": [1, 4],
        }
    )


def vllm(facts: ModelFacts | None, gpus: GpuFacts | None) -> Space:
    """Return vLLM's."""
    return _space(
        {
            **_shards("tensor-parallel-size", facts, gpus),
            "max-num-seqs": [None, 64, 128, 512],
            "max-num-batched-tokens": [None, 2048, 4096, 16384],
            "gpu-memory-utilization": [None, 0.95],
            "enable-prefix-caching": [None, False],
            "async-scheduling": [None, False],
            "performance-mode": ["balanced", "interactivity", "throughput"],
            "max-cudagraph-capture-size": [None, 256, 1024],
            "long-prefill-token-threshold": [0, 2048],
            "stream-interval": [1, 8],
        }
    )


def llamacpp(facts: ModelFacts | None, gpus: GpuFacts | None) -> Space:  # noqa: ARG001
    """Return llama.cpp's."""
    cores = os.cpu_count() or 1
    several = gpus is not None and gpus.count > 1
    return _space(
        {
            "parallel": [1, 4, 8, 16],
            "batch-size": [2048, 4096],
            "ubatch-size": [256, 512, 1024, 2048],
            "flash-attn": ["auto", "on", "off"],
            "kv-unified": [None, True],
            "cont-batching": [True, False],
            "threads": sorted({max(1, cores // 4), max(1, cores // 2), cores}),
            "poll": [50, 0, 100],
            **({"split-mode": ["layer", "row"]} if several else {}),
        }
    )


def simulated(facts: ModelFacts | None, gpus: GpuFacts | None) -> Space:
    """Return the simulated engine's."""
    return _space(
        {
            **_shards("tp-size", facts, gpus),
            "chunked-prefill-size": [None, 2048, 4096, 16384],
            "max-running-requests": [None, 64, 128, 512],
            "mem-fraction-static": [None, 0.85, 0.9],
            "schedule-policy": ["fcfs", "lpm"],
            "schedule-conservativeness": [1.0, 0.5],
            "enable-mixed-chunk": [False, True],
            "attention-backend": [None, "flashinfer", "triton"],
            "cuda-graph-max-bs": [None, 128, 512],
            "page-size": [1, 16, 64],
        }
    )


def _space(values: dict[str, Sequence[FlagValue]]) -> Space:
    return {name: Choices(values=tuple(choices)) for name, choices in values.items()}


def _shards(
    flag: str, facts: ModelFacts | None, gpus: GpuFacts | None
) -> dict[str, Sequence[FlagValue]]:
    """Return over how many GPUs the weights may be spread: powers of two, from what holds them."""
    if gpus is None or gpus.count < 2:
        return {}
    sizes = [1 << power for power in range(gpus.count.bit_length()) if 1 << power <= gpus.count]
    if facts is not None and facts.heads is not None:
        sizes = [size for size in sizes if facts.heads % size == 0]
    weights = facts.loaded_bytes() if facts else None
    if weights is not None:
        room = gpus.memory - RESERVE
        sizes = [size for size in sizes if weights / size < room] or sizes[-1:]
    return {flag: sizes[:3]} if len(sizes) > 1 or sizes[0] > 1 else {}
