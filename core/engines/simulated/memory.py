"""What fits into a GPU's memory: weights, the KV cache, CUDA graphs, activations. Pure.

`mem-fraction-static` is the share of the memory for weights and KV cache together. The rest has to
hold everything else, and how much that is depends on the other flags: this is where settings that
look harmless one by one run out of memory together, at start or only under load.
"""

from dataclasses import dataclass

from core.engines.simulated.arguments import Settings
from core.engines.simulated.machines import GIB
from core.engines.simulated.roofline import graph_sizes, kv_bytes, weight_bytes

CUDA_CONTEXT = 0.55 * GIB
NCCL = 0.45 * GIB
"""Buffers of the communicators, with more than one GPU."""
WORKSPACE = 0.4 * GIB
"""Scratch of the attention and matrix kernels."""
GRAPH_PER_SIZE = 32 * 2**20
"""Bytes of one captured graph, for 32 layers."""
COMPILE = 0.6 * GIB
"""What torch.compile keeps."""
ACTIVATION_HIDDENS = 36
"""Hidden vectors alive for each token of a step, in 16 bits; two thirds of them are sharded."""
LOGITS = 6.0
"""Bytes for each request and vocabulary entry: logits in 32 bits and their copy in 16."""


class GpuMemoryError(Exception):
    """A GPU could not serve an allocation. The message is PyTorch's."""

    def __init__(self, wanted: float, total: float, free: float) -> None:
        super().__init__(
            f"CUDA out of memory. Tried to allocate {_size(wanted)}. GPU 0 has a total capacity "
            f"of {_size(total)} of which {_size(max(free, 0.0))} is free."
        )


@dataclass(frozen=True)
class MemoryPlan:
    """How the memory of one GPU is shared out, in bytes."""

    total: float
    weights: float
    kv_tokens: int
    """Tokens that the KV cache holds; whole pages. Not above 0: none is left for it."""
    kv_cache: float
    resident: float
    """CUDA context, communicators, workspaces."""
    graphs: float
    token: float
    """Activations of one token of a step."""
    request: float
    """Logits of one request of a step."""

    @property
    def free(self) -> float:
        """Bytes left for activations once the server is up."""
        return self.total - self.weights - self.kv_cache - self.resident - self.graphs

    def check_step(self, tokens: int, requests: int) -> None:
        """Make sure that a step's activations fit.

        Raises:
            GpuMemoryError: they do not.
        """
        wanted = tokens * self.token + requests * self.request
        if wanted > self.free:
            raise GpuMemoryError(wanted, self.total, self.free)


def plan_memory(settings: Settings) -> MemoryPlan:
    """Share out one GPU's memory as the flags say, whether or not it fits."""
    arguments, model = settings.arguments, settings.model
    total = settings.gpu.memory
    weights = weight_bytes(settings) / arguments.tp_size
    per_token = kv_bytes(settings)
    page = arguments.page_size
    tokens = (settings.mem_fraction_static * total - weights) / per_token
    if arguments.max_total_tokens is not None:
        tokens = min(tokens, arguments.max_total_tokens)
    kv_tokens = int(tokens // page) * page
    sizes = len(graph_sizes(settings.cuda_graph_max_bs))
    compiled = COMPILE if arguments.enable_torch_compile and sizes else 0.0
    shards = arguments.tp_size
    return MemoryPlan(
        total=total,
        weights=weights,
        kv_tokens=kv_tokens,
        kv_cache=max(kv_tokens, 0) * per_token,
        resident=CUDA_CONTEXT + WORKSPACE + (NCCL if shards > 1 else 0.0),
        graphs=sizes * GRAPH_PER_SIZE * model.layers / 32 + compiled,
        token=2.0 * model.hidden * ACTIVATION_HIDDENS * (1 / 3 + 2 / 3 / shards),
        request=LOGITS * model.vocabulary / shards,
    )


def _size(amount: float) -> str:
    return f"{amount / GIB:.2f} GiB" if amount >= GIB else f"{amount / 2**20:.2f} MiB"
