"""What a configuration needs of a GPU's memory at the least, with the arithmetic in words. Pure.

Weights, the smallest KV cache that the engine starts with, activations, CUDA graphs, and what CUDA
and NCCL keep for themselves. A lower bound: what does not fit by it does not start, what fits may
still not.
"""

from core.engines.model_facts import ModelFacts
from core.task import Frozen

GIB = 1024.0**3

RESERVE = 2.3 * GIB
"""What CUDA context, NCCL and workspaces take of each GPU outside the engine's own share: measured
in public studies of vLLM on 80 GB GPUs (akamaslabs/vllm-benchmark)."""
_LEAST_SHOWN = 0.005 * GIB


class MemoryEstimate(Frozen):
    """Bytes of one GPU."""

    weights: float
    kv_cache: float
    """The least that the engine starts with."""
    activations: float = 0.0
    """What a forward pass of the largest batch needs beside them."""
    graphs: float = 0.0
    """What CUDA graphs keep."""
    reserve: float = RESERVE
    total: float
    """The GPU's memory."""
    share: float | None = None
    """Share of the memory that the engine keeps to; None where it finds it by itself."""
    share_flag: str = ""
    share_has_all: bool = False
    """Whether activations and graphs have to fit into the share, beside weights and KV cache."""
    shrinks: bool = False
    """Whether the engine takes less where there is less, so that nothing is refused."""

    @property
    def needed(self) -> float:
        """Everything together."""
        return sum(amount for _, amount in self._parts)

    @property
    def refusal(self) -> str | None:
        """Return why it cannot fit, with the arithmetic, or None."""
        if self.shrinks:
            return None
        shared = self._parts[: 4 if self.share_has_all else 2]
        taken = sum(amount for _, amount in shared)
        if self.share is not None and taken > self.share * self.total:
            return (
                f"does not fit: {_sum(shared)} = {_gib(taken)} on each GPU, more than"
                f" {self.share_flag} {self.share:g} × {_gib(self.total)} ="
                f" {_gib(self.share * self.total)}"
            )
        if self.needed > self.total:
            return f"does not fit: {self.text}"
        return None

    @property
    def text(self) -> str:
        """The arithmetic in one line."""
        return f"{_sum(self._parts)} = {_gib(self.needed)} of {_gib(self.total)} on each GPU"

    @property
    def _parts(self) -> tuple[tuple[str, float], ...]:
        return (
            ("weights", self.weights),
            ("KV cache", self.kv_cache),
            ("activations", self.activations),
            ("CUDA graphs", self.graphs),
            ("CUDA and NCCL", self.reserve),
        )


def _sum(parts: tuple[tuple[str, float], ...]) -> str:
    return " + ".join(f"{what} {_gib(amount)}" for what, amount in parts if amount > _LEAST_SHOWN)


def _gib(amount: float) -> str:
    return f"{amount / GIB:.2f} GiB" if 0 < amount < 0.95 * GIB else f"{amount / GIB:.1f} GiB"


def activations(facts: ModelFacts, tokens: int, shards: int) -> float:
    """Return the bytes that `tokens` in one forward pass need at the least, in 16-bit numbers.

    At a gated MLP there are at once, for each token: the residual stream and its normalised copy,
    of the model's width; gate and up projection and their product, of the MLP's width cut by
    `shards`. Experts keep what their kernels choose, which is not counted; nor is attention.
    """
    wide = 0.0 if facts.experts else 3.0 * (facts.intermediate or 0) / shards
    return 2.0 * tokens * (2.0 * (facts.hidden or 0) + wide)


def cache_element(kind: object) -> float:
    """Return the bytes of one number in a KV cache of this type."""
    name = str(kind).lower()
    if "fp8" in name or "int8" in name or name == "q8_0":
        return 1.0
    if "fp4" in name or "int4" in name or name.startswith("q4"):
        return 0.5
    return 4.0 if name in {"float32", "f32", "float"} else 2.0
