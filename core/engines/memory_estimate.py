"""What a configuration needs of a GPU's memory at the least, with the arithmetic in words. Pure.

Weights, the smallest KV cache that the engine starts with, CUDA graphs, and what CUDA and NCCL keep
for themselves. A lower bound: what does not fit by it does not start, what fits may still not.
"""

from core.task import Frozen

GIB = 1024.0**3

RESERVE = 2.3 * GIB
"""What CUDA context, NCCL and workspaces take of each GPU outside the engine's own share: measured
in public studies of vLLM on 80 GB GPUs (akamaslabs/vllm-benchmark)."""


class MemoryEstimate(Frozen):
    """Bytes of one GPU."""

    weights: float
    kv_cache: float
    """The least that the engine starts with."""
    graphs: float = 0.0
    reserve: float = RESERVE
    total: float
    """The GPU's memory."""
    share: float | None = None
    """Share of the memory for weights and KV cache; None where the engine finds it by itself."""
    share_flag: str = ""

    @property
    def needed(self) -> float:
        """Everything together."""
        return self.weights + self.kv_cache + self.graphs + self.reserve

    @property
    def refusal(self) -> str | None:
        """Return why it cannot fit, with the arithmetic, or None."""
        static = self.weights + self.kv_cache
        if self.share is not None and static > self.share * self.total:
            return (
                f"does not fit: weights {_gib(self.weights)} + KV cache {_gib(self.kv_cache)} ="
                f" {_gib(static)} on each GPU, more than {self.share_flag} {self.share:g} ×"
                f" {_gib(self.total)} = {_gib(self.share * self.total)}"
            )
        if self.needed > self.total:
            return f"does not fit: {self.text}"
        return None

    @property
    def text(self) -> str:
        """The arithmetic in one line."""
        parts = [f"weights {_gib(self.weights)}", f"KV cache {_gib(self.kv_cache)}"]
        if self.graphs:
            parts.append(f"CUDA graphs {_gib(self.graphs)}")
        parts.append(f"CUDA and NCCL {_gib(self.reserve)}")
        return f"{' + '.join(parts)} = {_gib(self.needed)} of {_gib(self.total)} on each GPU"


def _gib(amount: float) -> str:
    return f"{amount / GIB:.1f} GiB"


def cache_element(kind: object) -> float:
    """Return the bytes of one number in a KV cache of this type."""
    name = str(kind).lower()
    if "fp8" in name or "int8" in name or name == "q8_0":
        return 1.0
    if "fp4" in name or "int4" in name or name.startswith("q4"):
        return 0.5
    return 4.0 if name in {"float32", "f32", "float"} else 2.0
