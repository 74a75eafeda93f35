"""Fourteen serving problems, drawn from the simulated engine's model.

Each is what a user would put into a task file: a model, a GPU, flags with values, load levels,
SLOs, an objective. Half of them, `held_out`, were never looked at while the search was made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.engines.simulated.workload import Workload
from core.search.space import Rule, no_rule
from core.task import Choices, FlagValue, Level, Objective, Range, Scenario

Parameters = Mapping[str, Choices | Range]


@dataclass(frozen=True)
class Problem:
    """One problem."""

    name: str
    model: str
    gpu: str
    parameters: Parameters
    workloads: tuple[Workload, ...]
    objective: Objective
    slos: tuple[str, ...]
    """The metrics that hard SLOs bound: `ttft_p99`, `e2e_latency_p90`, …"""
    feasible: float
    """Share of the configurations that hold the SLOs; the thresholds follow from it."""
    fixed: Mapping[str, FlagValue] = field(default_factory=dict)
    """Flags of every launch, the baseline's too."""
    held_out: bool = False
    also: tuple[Objective, ...] = ()
    """Objectives after the first, for which there is a front instead of a best."""
    allowed: Rule = no_rule
    """What is known before any launch, and known to every strategy."""


def parameters(**values: object) -> Parameters:
    return {name.replace("_", "-"): Choices.model_validate(raw) for name, raw in values.items()}


def closed(scenario: str, *concurrencies: int, rounds: float = 2.0) -> tuple[Workload, ...]:
    return tuple(
        Workload(
            Level(scenario=Scenario.model_validate(scenario), concurrency=concurrency),
            requests=max(16, round(rounds * concurrency)),
            warmup=concurrency // 2,
        )
        for concurrency in concurrencies
    )


def shared(workloads: tuple[Workload, ...], prefix: int, groups: int) -> tuple[Workload, ...]:
    """Return the workloads with prompts that begin alike."""
    return tuple(
        Workload(w.level, w.requests, w.warmup, shared_prefix=prefix, prefix_groups=groups)
        for w in workloads
    )


_GRAPHS_ON = {"disable-cuda-graph": [None]}

PROBLEMS: tuple[Problem, ...] = (
    Problem(
        "chat-1b-24",
        "llama-3.2-1b",
        "L4",
        parameters(
            max_running_requests=[8, 32, 128],
            chunked_prefill_size=[512, 2048],
            kv_cache_dtype=["auto", "fp8_e5m2"],
            disable_radix_cache=[False, True],
        ),
        shared(closed("N(600,150)/(100,30)", 8, 32, 64, rounds=2.5), 300, 3),
        "maximize_throughput",
        ("ttft_p99",),
        feasible=0.3,
    ),
    Problem(
        "rag-7b-144",
        "qwen2.5-7b",
        "RTX-4090",
        parameters(
            quantization=[None, "fp8"],
            chunked_prefill_size=[512, 1024, 2048, 4096, 8192, 16384],
            mem_fraction_static=[None, 0.8, 0.9, 0.96],
            attention_backend=["flashinfer", "triton", "fa3"],
        ),
        closed("N(3000,800)/(60,20)", 2, 8, 24, rounds=2.5),
        "minimize_latency",
        ("ttft_p90",),
        feasible=0.1,
        held_out=True,
    ),
    Problem(
        "published-12b-240",
        "mistral-nemo-12b",
        "RTX-4090",
        parameters(
            page_size=[1, 4, 16, 64, 256],
            disable_radix_cache=[None, True],
            kv_cache_dtype=["auto", "fp8_e5m2", "fp8_e4m3"],
            max_running_requests=[16, 24, 36, None],
            enable_mixed_chunk=[None, True],
        ),
        shared(closed("N(800,150)/(120,30)", 12, 36, rounds=2.5), 450, 4),
        "maximize_throughput",
        ("e2e_latency_p90", "tpot_p99"),
        feasible=0.1,
        fixed={"quantization": "fp8"},
    ),
    Problem(
        "summary-8b-360",
        "llama-3.1-8b",
        "A100-40GB",
        parameters(
            max_running_requests=[16, 32, 64],
            chunked_prefill_size=[512, 1024, 4096, 8192, 16384],
            mem_fraction_static=[0.6, 0.8, 0.9, 0.95],
            enable_mixed_chunk=[None, True],
            attention_backend=[None, "triton", "fa3"],
        ),
        closed("N(2500,900)/(120,40)", 8, 32, 64),
        "maximize_throughput",
        ("ttft_p90", "tpot_p99"),
        feasible=0.1,
        held_out=True,
    ),
    Problem(
        "conditional-8b-504",
        "llama-3.1-8b",
        "H100-80GB",
        parameters(
            disable_cuda_graph=[None, True],
            cuda_graph_max_bs={"values": [8, 32, 64, 160], "when": _GRAPHS_ON},
            enable_torch_compile={"values": [None, True], "when": _GRAPHS_ON},
            quantization=[None, "fp8"],
            chunked_prefill_size=[512, 2048, 8192, -1],
            enable_mixed_chunk={
                "values": [None, True],
                "when": {"chunked-prefill-size": [512, 2048, 8192]},
            },
            max_running_requests=[12, 40, 128, None],
        ),
        closed("N(1000,300)/(140,50)", 4, 24, 72),
        "minimize_latency",
        ("ttft_p99", "tpot_p90"),
        feasible=0.15,
    ),
    Problem(
        "dense-32b-720",
        "qwen2.5-32b",
        "A100-80GB",
        parameters(
            tp_size=[1, 2, 4],
            quantization=[None, "fp8"],
            max_running_requests=[16, 32, 64, 256, None],
            mem_fraction_static=[0.75, 0.85, 0.92, 0.97],
            chunked_prefill_size=[1024, 4096, 16384],
            kv_cache_dtype=["auto", "fp8_e4m3"],
        ),
        closed("N(1200,300)/(160,40)", 8, 32, 64),
        "maximize_throughput",
        ("e2e_latency_p90", "ttft_p90"),
        feasible=0.06,
        held_out=True,
    ),
    Problem(
        "agents-8b-960",
        "llama-3.1-8b",
        "L40S",
        parameters(
            schedule_policy=["fcfs", "lpm", "lof", "shortest-prefill-first"],
            schedule_conservativeness=[0.3, 0.7, 1.0],
            page_size=[1, 8, 32, 128],
            disable_radix_cache=[None, True],
            chunked_prefill_size=[512, 1024, 2048, 4096, 8192],
            quantization=[None, "fp8"],
        ),
        shared(closed("N(1400,300)/(90,30)", 8, 24, 64), 1000, 6),
        "minimize_ttft",
        ("tpot_p90",),
        feasible=0.2,
    ),
    Problem(
        "moe-30b-1152",
        "qwen3-30b-a3b",
        "A100-80GB",
        parameters(
            tp_size=[1, 2],
            quantization=[None, "fp8"],
            mem_fraction_static=[0.7, 0.85, 0.93],
            chunked_prefill_size=[512, 1024, 2048, 8192],
            cuda_graph_max_bs=[8, 32, 64, 128],
            enable_torch_compile=[None, True],
            enable_mixed_chunk=[None, True, False],
        ),
        closed("N(700,200)/(150,40)", 4, 16, 64),
        "maximize_throughput",
        ("tpot_p99", "ttft_p99"),
        feasible=0.12,
        held_out=True,
    ),
    Problem(
        "nemo-12b-1728",
        "mistral-nemo-12b",
        "A100-40GB",
        parameters(
            quantization=[None, "fp8"],
            kv_cache_dtype=["auto", "fp8_e4m3", "fp8_e5m2"],
            mem_fraction_static=[0.75, 0.85, 0.91, 0.95],
            max_running_requests=[16, 48, 128],
            chunked_prefill_size=[512, 1024, 2048, 4096, 8192, 16384],
            attention_backend=["flashinfer", "triton"],
            enable_torch_compile=[None, True],
        ),
        closed("N(900,250)/(120,40)", 8, 32, 80),
        "maximize_throughput",
        ("ttft_p99", "tpot_p99"),
        feasible=0.05,
    ),
    Problem(
        "pair-32b-2304",
        "qwen2.5-32b",
        "H100-80GB",
        parameters(
            tp_size=[1, 2],
            dp_size=[1, 2],
            quantization=[None, "fp8"],
            max_running_requests=[16, 48, 80, 160],
            mem_fraction_static=[0.7, 0.85, 0.95],
            chunked_prefill_size=[1024, 4096, 16384],
            cuda_graph_max_bs=[8, 32, 96, 200],
            enable_mixed_chunk=[None, True],
        ),
        closed("D(1500,100)", 8, 32, 96),
        "maximize_throughput",
        ("e2e_latency_p90",),
        feasible=0.12,
        fixed={"gpu-count": 4},
        held_out=True,
    ),
    Problem(
        "llama-70b-2592",
        "llama-3.1-70b",
        "H100-80GB",
        parameters(
            tp_size=[2, 4, 8],
            quantization=[None, "fp8"],
            kv_cache_dtype=["auto", "fp8_e4m3"],
            max_running_requests=[16, 64, 256],
            mem_fraction_static=[0.8, 0.88, 0.94],
            chunked_prefill_size=[1024, 4096, 16384],
            cuda_graph_max_bs=[16, 64, 160, 512],
            enable_mixed_chunk=[None, True],
        ),
        closed("D(1200,120)", 8, 32, 96),
        "minimize_tpot",
        ("ttft_p90",),
        feasible=0.08,
        fixed={"tp-size": 4},
    ),
    Problem(
        "graphs-8b-4752",
        "llama-3.1-8b",
        "A100-80GB",
        parameters(
            disable_cuda_graph=[None, True],
            cuda_graph_max_bs={"values": [8, 24, 48, 96], "when": _GRAPHS_ON},
            enable_torch_compile={"values": [None, True], "when": _GRAPHS_ON},
            chunked_prefill_size=[256, 512, 1024, 2048, 8192],
            enable_mixed_chunk=[None, True],
            max_running_requests=[8, 16, 24, 32, 64, None],
            page_size=[1, 16, 128],
            attention_backend=["flashinfer", "triton", "fa3"],
        ),
        closed("D(800,120)", 4, 24, 96),
        "maximize_throughput",
        ("tpot_p99", "ttft_p99"),
        feasible=0.05,
        held_out=True,
    ),
    Problem(
        "small-gpu-7b-6912",
        "qwen2.5-7b",
        "L4",
        parameters(
            quantization=[None, "fp8"],
            kv_cache_dtype=["auto", "fp8_e5m2", "fp8_e4m3"],
            mem_fraction_static=[0.8, 0.86, 0.92, 0.97],
            max_running_requests=[8, 16, 32, 64],
            chunked_prefill_size=[512, 1024, 4096, 16384],
            page_size=[1, 32, 128],
            attention_backend=["flashinfer", "triton", "fa3"],
            cuda_graph_max_bs=[8, 64],
        ),
        closed("D(700,80)", 4, 16, 48),
        "minimize_latency",
        ("ttft_p90", "tpot_p99"),
        feasible=0.03,
        held_out=True,
    ),
    Problem(
        "llama-70b-20736",
        "llama-3.1-70b",
        "A100-80GB",
        parameters(
            tp_size=[2, 4],
            quantization=[None, "fp8"],
            kv_cache_dtype=["auto", "fp8_e4m3", "fp8_e5m2"],
            max_running_requests=[8, 24, 96, 256],
            mem_fraction_static=[0.8, 0.87, 0.92, 0.97],
            chunked_prefill_size=[1024, 4096, 16384],
            page_size=[1, 16, 64],
            cuda_graph_max_bs=[16, 64, 192],
            enable_mixed_chunk=[None, True],
            attention_backend=[None, "triton"],
        ),
        closed("D(1000,100)", 8, 32, 96),
        "maximize_throughput",
        ("e2e_latency_p90", "ttft_p99"),
        feasible=0.1,
        fixed={"tp-size": 4},
    ),
)
"""From the smallest to the largest."""
