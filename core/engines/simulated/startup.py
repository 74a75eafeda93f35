"""What happens between launch and readiness: checks, loading, the memory pool, CUDA graphs. Pure.

The log lines are worded like a real engine's, because what reads them has to work on both. A launch
that fails says so in its last lines and ends with the exit status that SGLang ends with.
"""

import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from core.engines.simulated.arguments import LARGEST_BATCH, Settings, wanted_backend
from core.engines.simulated.machines import GIB
from core.engines.simulated.memory import GpuMemoryError, MemoryPlan, plan_memory
from core.engines.simulated.roofline import (
    COMPILED_BATCH,
    Roofline,
    graph_sizes,
    kv_bytes,
    weight_bytes,
)
from core.engines.simulated.scheduler import Scheduler

IMPORTS = 6.0
"""Seconds until Python has imported the engine."""
DISK = 2.5e9
"""Bytes of weights read per second."""
GRAPH_CAPTURE = 0.25
"""Seconds to capture one CUDA graph of 32 layers."""
COMPILE = 14.0
"""Seconds that torch.compile takes for one batch size of 32 layers."""
DISTRIBUTED = 4.0
"""Seconds until the GPUs have found one another."""
READY = "The server is fired up and ready to roll!"
FAILED_START = 1
"""Exit status after a failed start, ..."""
BAD_ARGUMENTS = 2
"""... after a command line that argparse refuses, ..."""
KILLED = -signal.SIGKILL
"""... and after a crash under load: SGLang kills its whole process tree, itself included."""


@dataclass(frozen=True)
class Line:
    """A line of the log, and how long after the one before it comes."""

    delay: float
    """In seconds of the virtual clock."""
    text: str


@dataclass(frozen=True)
class Launch:
    """A launch played to its end."""

    settings: Settings
    memory: MemoryPlan
    lines: tuple[Line, ...]

    @property
    def ready(self) -> bool:
        """Whether the server is up; otherwise the last lines tell why it is not."""
        return self.lines[-1].text == READY

    @property
    def seconds(self) -> float:
        """Time from launch until the server is up or has failed."""
        return sum(line.delay for line in self.lines)

    @property
    def max_running_requests(self) -> int:
        """Most requests that one replica runs at once."""
        asked = self.settings.arguments.max_running_requests
        if asked is not None:
            return asked
        by_memory = self.memory.kv_tokens * 512 // self.settings.context_length
        return min(max(by_memory, 2048), LARGEST_BATCH)

    @property
    def in_force(self) -> dict[str, Any]:
        """Every argument by its inner name, with the server's own choice in each gap."""
        settings = self.settings
        return {
            **asdict(settings.arguments),
            "context_length": settings.context_length,
            "mem_fraction_static": settings.mem_fraction_static,
            "chunked_prefill_size": settings.chunked_prefill_size,
            "attention_backend": settings.attention_backend,
            "cuda_graph_max_bs": settings.cuda_graph_max_bs,
            "max_running_requests": self.max_running_requests,
        }

    @property
    def longest_request(self) -> int:
        """Most tokens of one request, prompt and answer together."""
        return min(self.settings.context_length, self.memory.kv_tokens)

    def replicas(self, seed: int) -> list[Scheduler]:
        """Return the schedulers of a server that is up, one for each data-parallel replica.

        The same seed and flags make the same noise.
        """
        roofline = Roofline(self.settings)
        return [
            Scheduler(
                self.settings,
                self.memory,
                roofline,
                self.max_running_requests,
                Random(f"{seed}/{rank}/{self.settings.arguments.machine}"),
            )
            for rank in range(self.settings.arguments.dp_size)
        ]


class _StartError(Exception):
    """The launch ends here, for the reason that the message gives."""


def launch(settings: Settings) -> Launch:
    """Play a launch."""
    memory = plan_memory(settings)
    return Launch(settings, memory, tuple(_start(settings, memory)))


def crash_report(error: Exception) -> list[str]:
    """Return the lines that a dying scheduler leaves in the log."""
    kind = "torch.OutOfMemoryError" if isinstance(error, GpuMemoryError) else "RuntimeError"
    return [
        "Scheduler hit an exception:",
        f"{kind}: {error}",
        "Received sigquit from a child process. It usually means the child failed.",
    ]


def _start(settings: Settings, memory: MemoryPlan) -> Iterator[Line]:
    played = f"a model of {settings.arguments.gpus} x {settings.gpu.name}"
    yield Line(0.0, f"Simulated engine: {played} is played, no GPU is used")
    try:
        yield from _check_flags(settings)
        yield from _load_weights(settings, memory)
        yield from _allocate_cache(settings, memory)
        yield from _capture_graphs(settings, memory)
    except (_StartError, GpuMemoryError) as error:
        for text in crash_report(error):
            yield Line(0.0, text)
    else:
        yield Line(1.0, READY)


def _check_flags(settings: Settings) -> Iterator[Line]:
    arguments, model = settings.arguments, settings.model
    chunk, page, shards = settings.chunked_prefill_size, arguments.page_size, arguments.tp_size
    yield Line(IMPORTS, f"server_args={arguments}")
    if chunk > 0 and chunk % page:
        raise _StartError(f"chunked_prefill_size ({chunk}) must be divisible by page_size ({page})")
    if model.heads % shards:
        heads = f"num_attention_heads ({model.heads})"
        raise _StartError(f"{heads} must be divisible by tensor parallel size ({shards})")
    if settings.attention_backend == "fa3" and not settings.gpu.hopper:
        place = settings.gpu.name
        raise _StartError(f"FlashAttention v3 has no kernels for {place}; it needs SM90")
    if settings.context_length > model.context:
        asked = f"context_length ({settings.context_length})"
        raise _StartError(f"{asked} is greater than the derived context length ({model.context})")
    if settings.mem_fraction_static >= 1:
        share = settings.mem_fraction_static
        raise _StartError(f"mem_fraction_static must be below 1, not {share}")
    if settings.attention_backend != wanted_backend(arguments):
        why = f"FlashAttention3 reads no {arguments.kv_cache_dtype} cache."
        yield Line(0.0, f"{why} Setting attention backend to {settings.attention_backend}.")
    yield Line(0.5, "Init torch distributed begin.")
    if arguments.gpus > arguments.gpu_count:
        has = f"{arguments.gpus} GPUs wanted, the machine has {arguments.gpu_count}"
        raise _StartError(f"CUDA error: invalid device ordinal: {has}")
    yield Line(DISTRIBUTED if shards > 1 else 0.5, "Init torch distributed ends.")


def _load_weights(settings: Settings, memory: MemoryPlan) -> Iterator[Line]:
    free = memory.total - memory.resident
    yield Line(0.5, f"Load weight begin. avail mem={_gb(free)}")
    yield Line(0.2, f"Loading weights of {settings.model.name}…")
    if memory.weights > free:
        raise GpuMemoryError(memory.weights / settings.model.layers, memory.total, 0.0)
    kind = settings.arguments.quantization or "bfloat16"
    left = f"avail mem={_gb(free - memory.weights)}, mem usage={_gb(memory.weights)}."
    yield Line(weight_bytes(settings) / DISK, f"Load weight end. dtype={kind}, {left}")


def _allocate_cache(settings: Settings, memory: MemoryPlan) -> Iterator[Line]:
    if memory.kv_tokens <= 0:
        raise _StartError(
            "Not enough memory. Please try to increase --mem-fraction-static. "
            f"Current value: mem_fraction_static={settings.mem_fraction_static}"
        )
    free = memory.free + memory.graphs
    if free < 0:
        raise GpuMemoryError(memory.kv_cache / settings.model.layers, memory.total, 0.0)
    size = f"#tokens: {memory.kv_tokens}, KV size: {_gb(memory.kv_cache)}"
    yield Line(0.8, f"KV Cache is allocated. {size}, {kv_bytes(settings):.0f} bytes per token")
    yield Line(0.1, f"Memory pool end. avail mem={_gb(free)}")


def _capture_graphs(settings: Settings, memory: MemoryPlan) -> Iterator[Line]:
    sizes = graph_sizes(settings.cuda_graph_max_bs)
    if sizes:
        before = f"avail mem={_gb(memory.free + memory.graphs)}"
        yield Line(0.1, f"Capture cuda graph begin. This can take up to several minutes. {before}")
        if memory.free < 0:
            why = GpuMemoryError(memory.graphs, memory.total, 0.0)
            raise _StartError(
                f"Capture cuda graph failed: {why} Possible solutions: "
                "1. set --mem-fraction-static to a smaller value (e.g., 0.8 or 0.7) "
                "2. set --cuda-graph-max-bs to a smaller value 3. disable torch compile"
            )
        seconds = GRAPH_CAPTURE * len(sizes)
        if settings.arguments.enable_torch_compile:
            seconds += COMPILE * sum(size <= COMPILED_BATCH for size in sizes)
        seconds *= settings.model.layers / 32
        yield Line(seconds, f"Capture cuda graph end. Time elapsed: {seconds:.2f} s.")
    yield Line(
        0.2,
        f"max_total_num_tokens={memory.kv_tokens}, "
        f"chunked_prefill_size={settings.chunked_prefill_size}, "
        f"context_len={settings.context_length}, avail mem={_gb(memory.free)}",
    )


def _gb(amount: float) -> str:
    return f"{amount / GIB:.2f} GB"
