"""How long one step of the model takes on the hardware: a roofline, and what surrounds it. Pure.

A step runs every layer over some tokens. Its matrices take as long as reading the weights or as
multiplying, and longer than either where both count; its attention as long as reading keys and
values or as multiplying. Tensor parallelism adds all-reduces. Kernels that are launched one by one,
outside a CUDA graph, cannot go faster than the host launches them. Peaks come from `machines`; the
shares of them that kernels reach are the constants below: round figures of the kind that public
profiles show, uncalibrated.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass

from core.engines.simulated.arguments import Settings

MATRIX_BANDWIDTH = 0.88
"""Share of the memory's peak bandwidth that reading weights reaches."""
MATRIX_PEAK = 0.68
"""Share of the arithmetic peak that large matrix products reach."""
SHARD_LOSS = 0.03
"""What each halving of the matrices by tensor parallelism costs of both shares."""
FP8_WEIGHTS = 1.06
"""Bytes per parameter in fp8, with scales, and embeddings in 16 bits."""
SOFTWARE_FP8 = 0.9
"""Share of the 16-bit peak left where fp8 weights have to be widened first."""
PAGE_HALF = 0.2
"""Page size, in tokens, at which looking pages up halves the bandwidth of reading them."""
LAYER_KERNELS = 20e-6
"""Seconds per layer for norms, activations and gaps between kernels, inside a CUDA graph."""
COMPILED = 0.6
"""Share of it left after torch.compile fuses what it can."""
COMPILED_BATCH = 32
"""Largest batch that torch.compile compiles for."""
LAYER_GAPS = 40e-6
"""Seconds per layer that gaps between kernels add outside a CUDA graph."""
LAYER_LAUNCH = 300e-6
"""Seconds per layer that the host takes to launch its kernels outside a CUDA graph."""
STEP_OVERHEAD = 0.3e-3
"""Seconds per step for scheduling and sampling that nothing hides."""
REQUEST_OVERHEAD = 5e-6
"""Seconds per request and step for bookkeeping and detokenising."""
PAGE_OVERHEAD = 0.25e-6
"""Seconds per page of a prompt for matching and allocating it."""


@dataclass(frozen=True)
class AttentionKernels:
    """Shares of the hardware's peaks that an attention backend reaches."""

    prefill: float
    """Of the 16-bit arithmetic peak."""
    decode: float
    """Of the memory's bandwidth."""
    kept: dict[str, float]
    """What reading a cache of each type keeps of `decode`: fp8 has to be widened."""


ATTENTION = {
    "fa3": AttentionKernels(0.62, 0.80, {"auto": 1.0, "fp8_e4m3": 0.97}),
    "flashinfer": AttentionKernels(0.46, 0.82, {"auto": 1.0, "fp8_e4m3": 0.90, "fp8_e5m2": 0.94}),
    "triton": AttentionKernels(0.36, 0.70, {"auto": 1.0, "fp8_e4m3": 0.84, "fp8_e5m2": 0.86}),
}


@dataclass(frozen=True)
class Decode:
    """A run of decode steps over an unchanging batch."""

    first: float
    """Seconds of the first step."""
    growth: float
    """By how many seconds each further step is longer, as every request grows by a token."""

    def total(self, steps: int) -> float:
        """Return the seconds of `steps` steps."""
        return steps * self.first + self.growth * steps * (steps - 1) / 2

    def steps_until(self, seconds: float) -> int:
        """Return the fewest steps, at least one, that last `seconds` or longer."""
        if seconds <= self.first:
            return 1
        if self.growth < 1e-6 * self.first:
            return math.ceil(seconds / self.first)
        b = self.first - self.growth / 2
        return math.ceil((math.sqrt(b * b + 2 * self.growth * seconds) - b) / self.growth)


class Roofline:
    """Step times of one replica: one model, on one or more GPUs, under given flags."""

    def __init__(self, settings: Settings) -> None:
        arguments, gpu, self._model = settings.arguments, settings.gpu, settings.model
        self._shards = arguments.tp_size
        kernels = ATTENTION[settings.attention_backend]
        whole = 1.0 - SHARD_LOSS * math.log2(self._shards)
        self._weight_bytes = weight_bytes(settings) / self._shards
        self._weight_bandwidth = gpu.bandwidth * MATRIX_BANDWIDTH * whole
        quantized = arguments.quantization is not None
        peak = (gpu.fp8 or gpu.bf16 * SOFTWARE_FP8) if quantized else gpu.bf16
        self._flops = peak * MATRIX_PEAK * whole * self._shards
        self._attention_flops = gpu.bf16 * kernels.prefill * self._shards
        self._page = arguments.page_size
        kept = kernels.kept[arguments.kv_cache_dtype]
        paged = self._page / (self._page + PAGE_HALF)
        self._kv_seconds = kv_bytes(settings) / (gpu.bandwidth * kernels.decode * kept * paged)
        self._link = gpu.link
        self._link_latency = gpu.link_latency
        self._graphs = graph_sizes(settings.cuda_graph_max_bs)
        self._compiled = arguments.enable_torch_compile
        self._fixed: dict[int, tuple[float, float]] = {}

    def decode(self, batch: int, context: int) -> Decode:
        """Return the time of decode steps.

        Args:
            batch: requests, each of which gains one token a step.
            context: tokens in the cache of all of them together.
        """
        if batch not in self._fixed:
            self._fixed[batch] = self._fixed_decode(batch)
        fixed, launch = self._fixed[batch]
        first = fixed + self._read(batch, context)
        if first < launch:
            return Decode(launch, 0.0)
        return Decode(first, batch * self._kv_seconds)

    def prefill(self, chunks: list[tuple[int, int]], batch: int = 0, context: int = 0) -> float:
        """Return the seconds of a step that prefills, and decodes for a batch along the way.

        Args:
            chunks: for each prompt the tokens to compute and the tokens already in the cache.
            batch: requests that decode in the same step.
            context: tokens in the cache of those.
        """
        model = self._model
        new = sum(n for n, _ in chunks)
        pairs = sum(n * k + n * (n + 1) / 2 for n, k in chunks)
        known = sum(k for _, k in chunks)
        flops = 4.0 * model.layers * model.heads * model.head_size * pairs
        attention = max(flops / self._attention_flops, self._read(len(chunks), known + new))
        if batch:
            attention += self._read(batch, context)
        device = (
            self._matrices(new + batch)
            + attention
            + self._all_reduces(new + batch)
            + (LAYER_KERNELS + LAYER_GAPS) * model.layers
        )
        pages = sum(n / self._page + 1 for n, _ in chunks)
        return max(device, LAYER_LAUNCH * model.layers) + (
            STEP_OVERHEAD + REQUEST_OVERHEAD * (len(chunks) + batch) + PAGE_OVERHEAD * pages
        )

    def _fixed_decode(self, batch: int) -> tuple[float, float]:
        """Return what a decode step takes beside attention, and what it takes at least."""
        overhead = STEP_OVERHEAD + REQUEST_OVERHEAD * batch
        place = bisect_left(self._graphs, batch)
        captured = place < len(self._graphs)
        padded = self._graphs[place] if captured else batch
        if not captured:
            kernels = LAYER_KERNELS + LAYER_GAPS
        elif self._compiled and batch <= COMPILED_BATCH:
            kernels = LAYER_KERNELS * COMPILED
        else:
            kernels = LAYER_KERNELS
        layers = self._model.layers
        device = self._matrices(padded) + self._all_reduces(padded) + kernels * layers
        launch = 0.0 if captured else LAYER_LAUNCH * layers
        return overhead + device, overhead + launch

    def _matrices(self, tokens: int) -> float:
        share = self._model.touched_parameters(tokens) / self._model.parameters
        reading = self._weight_bytes * share / self._weight_bandwidth
        multiplying = 2.0 * self._model.active_parameters * tokens / self._flops
        return math.hypot(reading, multiplying)

    def _read(self, requests: int, tokens: int) -> float:
        """Return the seconds of reading cached tokens; the last page of each is half empty."""
        return (tokens + requests * (self._page - 1) / 2) * self._kv_seconds

    def _all_reduces(self, tokens: int) -> float:
        """Return the seconds of two ring all-reduces per layer."""
        if self._shards == 1:
            return 0.0
        latency = self._link_latency * (1 + math.log2(self._shards)) / 2
        volume = 2.0 * (self._shards - 1) / self._shards * tokens * self._model.hidden * 2.0
        return 2 * self._model.layers * (latency + volume / self._link)


def weight_bytes(settings: Settings) -> float:
    """Return the bytes of all weights."""
    quantized = settings.arguments.quantization is not None
    return settings.model.parameters * (FP8_WEIGHTS if quantized else 2.0)


def kv_bytes(settings: Settings) -> float:
    """Return the bytes that one token takes in the cache of one GPU."""
    element = 2.0 if settings.arguments.kv_cache_dtype == "auto" else 1.0
    return settings.model.kv_bytes(element, settings.arguments.tp_size)


def graph_sizes(largest: int) -> list[int]:
    """Return the batch sizes that CUDA graphs are captured for; smaller batches are padded."""
    sizes = [1, 2, 4, *range(8, min(largest, 160) + 1, 8), *range(192, largest + 1, 32), largest]
    return sorted({size for size in sizes if 0 < size <= largest})
