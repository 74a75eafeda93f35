"""GPUs and models by name: the published figures that the roofline works with. Data only.

Peaks are dense, without sparsity, from the makers' data sheets; what a kernel reaches of them is
in `roofline`. Model shapes are those of the published configurations.
"""

from dataclasses import dataclass

GIB = 1024.0**3


@dataclass(frozen=True)
class Gpu:
    """One GPU and its link to its neighbours."""

    name: str
    memory: float
    """Bytes that a process can see."""
    bandwidth: float
    """Peak bytes per second of its memory."""
    bf16: float
    """Peak floating-point operations per second in bfloat16."""
    fp8: float | None
    """The same in fp8; None where the hardware has none."""
    link: float
    """Bytes per second and direction to another GPU."""
    link_latency: float
    """Seconds that one all-reduce takes at least."""
    hopper: bool = False
    """Whether FlashAttention 3 has kernels for it."""


@dataclass(frozen=True)
class Model:
    """The shape of a transformer."""

    name: str
    parameters: float
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    context: int
    """Longest prompt and answer together, in tokens."""
    experts: int = 1
    experts_per_token: int = 1
    expert_share: float = 0.0
    """Share of the parameters that sits in experts."""

    @property
    def dense_parameters(self) -> float:
        """Parameters that every token uses."""
        return self.parameters * (1.0 - self.expert_share)

    @property
    def active_parameters(self) -> float:
        """Parameters that one token uses."""
        expert = self.parameters * self.expert_share * self.experts_per_token / self.experts
        return self.dense_parameters + expert

    def touched_parameters(self, tokens: int) -> float:
        """Parameters that a step over `tokens` tokens reads, if experts are drawn evenly."""
        untouched = (1.0 - self.experts_per_token / self.experts) ** tokens
        return self.dense_parameters + self.parameters * self.expert_share * (1.0 - untouched)

    def kv_bytes(self, element: float, shards: int) -> float:
        """Bytes of keys and values that one token leaves on one of `shards` GPUs.

        With more shards than KV heads the heads are copied, not cut.
        """
        return 2.0 * self.layers * max(self.kv_heads / shards, 1.0) * self.head_size * element


_NVLINK_LATENCY = 9e-6
_PCIE_LATENCY = 28e-6

GPUS: dict[str, Gpu] = {
    gpu.name: gpu
    for gpu in (
        Gpu(
            "H200-141GB", 139.8 * GIB, 4.80e12, 989e12, 1979e12, 450e9, _NVLINK_LATENCY, hopper=True
        ),
        Gpu("H100-80GB", 79.1 * GIB, 3.35e12, 989e12, 1979e12, 450e9, _NVLINK_LATENCY, hopper=True),
        Gpu("H20-96GB", 95.1 * GIB, 4.00e12, 148e12, 296e12, 450e9, _NVLINK_LATENCY, hopper=True),
        Gpu("A100-80GB", 79.1 * GIB, 2.04e12, 312e12, None, 300e9, _NVLINK_LATENCY),
        Gpu("A100-40GB", 39.4 * GIB, 1.555e12, 312e12, None, 300e9, _NVLINK_LATENCY),
        Gpu("L40S", 44.4 * GIB, 864e9, 362e12, 733e12, 32e9, _PCIE_LATENCY),
        Gpu("RTX-4090", 23.5 * GIB, 1.008e12, 165e12, 330e12, 16e9, _PCIE_LATENCY),
        Gpu("L4", 22.0 * GIB, 300e9, 121e12, 242e12, 16e9, _PCIE_LATENCY),
    )
}
"""Every GPU by the name that `--gpu` gives it."""

MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model("tiny", 5.2e7, 6, 512, 8, 4, 64, 32_000, 32_768),
        Model("llama-3.2-1b", 1.24e9, 16, 2048, 32, 8, 64, 128_256, 131_072),
        Model("qwen2.5-7b", 7.62e9, 28, 3584, 28, 4, 128, 152_064, 32_768),
        Model("llama-3.1-8b", 8.03e9, 32, 4096, 32, 8, 128, 128_256, 131_072),
        Model("mistral-nemo-12b", 12.25e9, 40, 5120, 32, 8, 128, 131_072, 131_072),
        Model("qwen2.5-32b", 32.76e9, 64, 5120, 40, 8, 128, 152_064, 32_768),
        Model("llama-3.1-70b", 70.55e9, 80, 8192, 64, 8, 128, 128_256, 131_072),
        Model(
            "qwen3-30b-a3b", 30.53e9, 48, 2048, 32, 4, 128, 151_936, 40_960,
            experts=128, experts_per_token=8, expert_share=0.95,
        ),
    )
}  # fmt: skip
"""Every model by the name that `--model` gives it."""
