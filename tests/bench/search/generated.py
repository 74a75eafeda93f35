"""Serving problems that nobody picked: model, GPU, flags, load and SLOs are drawn at random.

They show how far what was found on chosen problems reaches. None is one of the fourteen in the
table.
"""

import random

from core.task import Objective
from tests.bench.search.problems import Problem, closed, parameters, shared

_SEED = 9000

_MACHINES: tuple[tuple[str, str, list[int]], ...] = (
    ("llama-3.1-8b", "H100-80GB", [1, 2]),
    ("llama-3.1-8b", "A100-40GB", [1]),
    ("qwen2.5-7b", "L4", [1]),
    ("qwen2.5-7b", "L40S", [1]),
    ("mistral-nemo-12b", "L40S", [1]),
    ("mistral-nemo-12b", "A100-80GB", [1, 2]),
    ("qwen2.5-32b", "H100-80GB", [1, 2, 4]),
    ("llama-3.1-70b", "H100-80GB", [4, 8]),
    ("qwen3-30b-a3b", "H100-80GB", [1, 2]),
    ("llama-3.2-1b", "RTX-4090", [1]),
    ("qwen2.5-7b", "RTX-4090", [1]),
)
"""Models, GPUs, and over how many of them the model may be spread."""

_OBJECTIVES: tuple[Objective, ...] = (
    "maximize_throughput",
    "maximize_throughput",
    "minimize_latency",
    "minimize_ttft",
    "minimize_tpot",
)
_SLOS = (
    ("ttft_p99", "tpot_p99"),
    ("ttft_p90", "tpot_p90"),
    ("e2e_latency_p90", "ttft_p99"),
    ("tpot_p99", "ttft_p90"),
    ("ttft_p99",),
    ("e2e_latency_p90",),
)


def _flags(draw: random.Random) -> dict[str, list[object]]:
    """Return flags, each with values, in random order."""

    def some(values: list[object], *counts: int) -> list[object]:
        chosen = sorted(draw.sample(range(len(values)), draw.choice(counts)))
        return [values[place] for place in chosen]

    flags: dict[str, list[object]] = {
        "quantization": [None, "fp8"],
        "kv_cache_dtype": ["auto", *some(["fp8_e5m2", "fp8_e4m3"], 1, 2)],
        "max_running_requests": [*some([8, 12, 16, 24, 32, 48, 64, 96, 128, 256], 2, 3, 4), None],
        "chunked_prefill_size": some([256, 512, 1024, 2048, 4096, 8192, 16384], 3, 4, 5),
        "mem_fraction_static": some([0.7, 0.75, 0.8, 0.85, 0.88, 0.9, 0.92, 0.94, 0.96], 2, 3, 4),
        "attention_backend": draw.choice([["flashinfer", "triton", "fa3"], [None, "triton"]]),
        "enable_mixed_chunk": [None, True],
        "page_size": draw.choice([[1, 16], [1, 16, 64], [1, 8, 32, 128]]),
        "cuda_graph_max_bs": some([8, 16, 24, 32, 48, 64, 96, 128, 160], 2, 3, 4),
        "enable_torch_compile": [None, True],
        "schedule_policy": ["fcfs", "lpm", "lof"],
        "schedule_conservativeness": [0.3, 1.0, 1.6],
        "disable_radix_cache": [None, True],
    }
    names = list(flags)
    draw.shuffle(names)
    return {name: flags[name] for name in names}


def _problem(number: int) -> Problem:
    draw = random.Random(_SEED + number)
    model, gpu, tensor_parallel = draw.choice(_MACHINES)
    wanted = draw.choice([400, 800, 1500, 3000])
    chosen: dict[str, list[object]] = {}
    size = len(tensor_parallel)
    if size > 1:
        chosen["tp_size"] = [*tensor_parallel]
    for name, values in _flags(draw).items():
        if size < wanted and size * len(values) <= 1.5 * wanted:
            chosen[name] = values
            size *= len(values)
    prompt, answer = draw.choice(
        [(600, 100), (1000, 150), (1500, 120), (2500, 100), (800, 250), (400, 200)]
    )
    most = draw.choice([32, 48, 64, 96, 120])
    scattered = draw.random() < 0.5
    workloads = closed(
        f"N({prompt},{prompt // 4})/({answer},{answer // 4})"
        if scattered
        else f"D({prompt},{answer})",
        most // 16,
        most // 4,
        most,
    )
    if scattered and draw.random() < 0.5:
        workloads = shared(workloads, prompt // 2, draw.choice([3, 6]))
    return Problem(
        f"drawn-{number}-{model}-{size}",
        model,
        gpu,
        parameters(**chosen),
        workloads,
        draw.choice(_OBJECTIVES),
        draw.choice(_SLOS),
        feasible=draw.choice([0.03, 0.05, 0.08, 0.12, 0.2]),
        fixed={"tp-size": tensor_parallel[0]} if tensor_parallel[0] > 1 else {},
    )


GENERATED: tuple[Problem, ...] = tuple(_problem(number) for number in range(16))
