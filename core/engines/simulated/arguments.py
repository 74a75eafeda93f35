"""The server's flags: SGLang's names, and its rules for the defaults that depend on the GPU. Pure.

An unknown flag or an impossible value raises `ArgumentError`; whether values go together is found
out at launch (`startup`), as on a real engine.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NoReturn

from core.engines.simulated.machines import GIB, GPUS, MODELS, Gpu, Model

POLICIES = ("fcfs", "lpm", "lof", "shortest-prefill-first", "random")
KV_DTYPES = ("auto", "fp8_e5m2", "fp8_e4m3")
BACKENDS = ("fa3", "flashinfer", "triton")
MAX_PREFILL_TOKENS = 16_384
"""Prompt tokens of one step when chunked prefill is off."""

LARGEST_BATCH = 4096
"""Most requests that ever run at once, unless more are asked for."""


class ArgumentError(Exception):
    """A command line that cannot be understood; the message is argparse's."""


@dataclass(frozen=True)
class Arguments:
    """A command line with its defaults filled in, but for those that depend on the KV cache."""

    model: str
    gpu: str
    gpu_count: int
    host: str
    port: int
    served_model_name: str | None
    speed: float
    start_speed: float
    seed: int | None
    noise: float
    tp_size: int
    dp_size: int
    quantization: str | None
    kv_cache_dtype: str
    context_length: int | None
    mem_fraction_static: float | None
    max_total_tokens: int | None
    page_size: int
    max_running_requests: int | None
    max_queued_requests: int | None
    chunked_prefill_size: int | None
    enable_mixed_chunk: bool
    schedule_policy: str
    schedule_conservativeness: float
    disable_radix_cache: bool
    attention_backend: str | None
    cuda_graph_max_bs: int | None
    disable_cuda_graph: bool
    enable_torch_compile: bool

    @property
    def gpus(self) -> int:
        """GPUs that the server occupies."""
        return self.tp_size * self.dp_size

    @property
    def machine(self) -> "Arguments":
        """The arguments without what does not change how fast it is."""
        same = replace(self, host="", port=0, served_model_name=None, seed=None)
        return replace(same, speed=1.0, start_speed=1.0)


def parse_arguments(words: Sequence[str]) -> Arguments:
    """Return what a command line asks for.

    Raises:
        ArgumentError: it cannot be understood.
    """
    return Arguments(**vars(parser().parse_args(words)))


@cache
def parser() -> argparse.ArgumentParser:
    """Return the parser of the server's command line."""
    parser = _Parser(prog="python -m core.engines.simulated", allow_abbrev=False)
    add = parser.add_argument
    add("--model-path", "--model", dest="model", required=True, choices=tuple(MODELS))
    add("--gpu", default="H100-80GB", choices=tuple(GPUS), help="the GPU that is played")
    add("--gpu-count", type=positive_int, default=8, help="how many of them the machine has")
    add("--host", default="127.0.0.1")
    add("--port", type=port, default=30000, help="0: any that is free, told in the log")
    add("--served-model-name")
    add("--speed", type=positive_float, default=1.0, help="times faster than the wall clock")
    add("--start-speed", type=positive_float, default=1.0, help="the same, until it is ready")
    add("--seed", "--random-seed", type=int, help="of the noise; drawn when left out")
    add("--noise", type=share, default=0.01, help="standard deviation from launch to launch")
    add("--tp-size", "--tensor-parallel-size", "--tp", type=positive_int, default=1)
    add("--dp-size", "--data-parallel-size", "--dp", type=positive_int, default=1)
    add("--quantization", choices=("fp8",))
    add("--kv-cache-dtype", default="auto", choices=KV_DTYPES)
    add("--context-length", type=positive_int)
    add("--mem-fraction-static", type=positive_float)
    add("--max-total-tokens", type=positive_int)
    add("--page-size", type=positive_int, default=1)
    add("--max-running-requests", type=positive_int)
    add("--max-queued-requests", type=positive_int)
    add("--chunked-prefill-size", type=int, help="-1 switches chunking off")
    add("--enable-mixed-chunk", action="store_true")
    add("--schedule-policy", default="fcfs", choices=POLICIES)
    add("--schedule-conservativeness", type=positive_float, default=1.0)
    add("--disable-radix-cache", action="store_true")
    add("--attention-backend", choices=BACKENDS)
    add("--cuda-graph-max-bs", type=positive_int)
    add("--disable-cuda-graph", action="store_true")
    add("--enable-torch-compile", action="store_true")
    return parser


def positive_int(text: str) -> int:
    """Read a whole number above 0."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def positive_float(text: str) -> float:
    """Read a finite number above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number


def share(text: str) -> float:
    """Read a number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise ValueError(text)
    return number


def port(text: str) -> int:
    """Read the number of a port."""
    number = int(text)
    if not 0 <= number < 2**16:
        raise ValueError(text)
    return number


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ArgumentError(message)


@dataclass(frozen=True)
class Settings:
    """What a launch works with: the arguments, with the engine's own choices in the gaps."""

    arguments: Arguments
    gpu: Gpu
    model: Model
    context_length: int
    mem_fraction_static: float
    chunked_prefill_size: int
    attention_backend: str
    cuda_graph_max_bs: int
    """0 without CUDA graphs."""

    @property
    def prefill_budget(self) -> int:
        """Most prompt tokens of one step."""
        chunk = self.chunked_prefill_size
        return chunk if chunk > 0 else MAX_PREFILL_TOKENS


def settle(arguments: Arguments) -> Settings:
    """Fill the gaps in `arguments` by the engine's rules.

    Chunk, graph sizes and memory share follow SGLang's `server_args`. What it sets aside for
    activations and graphs, in MiB, is 512 + 1.5 · chunk + 2 · graph size + 128 · GPUs, with chunks
    below 2048 counted as 2048, and at least 10 GiB of a large GPU.
    """
    gpu = GPUS[arguments.gpu]
    model = MODELS[arguments.model]
    chunk, graph_size = _defaults_by_memory(gpu.memory, arguments.tp_size)
    if arguments.chunked_prefill_size is not None:
        chunk = arguments.chunked_prefill_size
    graph_size = arguments.cuda_graph_max_bs or graph_size
    graph_size = min(graph_size, arguments.max_running_requests or LARGEST_BATCH)
    if arguments.disable_cuda_graph:
        graph_size = 0
    backend = wanted_backend(arguments)
    if backend == "fa3" and arguments.kv_cache_dtype == "fp8_e5m2":
        backend = "triton"  # FlashAttention 3 reads no other fp8 cache than e4m3
    settings = Settings(
        arguments=arguments,
        gpu=gpu,
        model=model,
        context_length=arguments.context_length or model.context,
        mem_fraction_static=0.0,
        chunked_prefill_size=chunk,
        attention_backend=backend,
        cuda_graph_max_bs=graph_size,
    )
    aside = 512 + 1.5 * max(settings.prefill_budget, 2048) + 2 * graph_size
    aside += 128 * arguments.tp_size
    if gpu.memory > 60 * GIB:
        aside = max(aside, 10 * 1024)
    fraction = arguments.mem_fraction_static or round(1 - aside * 2**20 / gpu.memory, 3)
    return replace(settings, mem_fraction_static=fraction)


def wanted_backend(arguments: Arguments) -> str:
    """Return the attention backend that is asked for, or that the engine prefers on the GPU."""
    preferred = "fa3" if GPUS[arguments.gpu].hopper else "flashinfer"
    return arguments.attention_backend or preferred


def _defaults_by_memory(memory: float, shards: int) -> tuple[int, int]:
    """Return the chunk of prefill tokens and the largest CUDA graph, in requests."""
    few = shards < 4
    if memory < 35 * GIB:
        return 2048, 24 if few else 80
    if memory < 60 * GIB:
        return 4096, 32 if few else 160
    return 8192, 256 if few else 512
