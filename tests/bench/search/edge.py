"""Problems whose best lies between two SLOs that pull apart, both on noisy tails.

The search was improved on them; none is one of the fourteen in the table.
"""

from tests.bench.search.problems import Problem, closed, parameters

EDGE: tuple[Problem, ...] = (
    Problem(
        "edge-8b-1440",
        "llama-3.1-8b",
        "H100-80GB",
        parameters(
            cuda_graph_max_bs=[8, 32, 64, 128],
            chunked_prefill_size=[256, 512, 1024, 2048, 8192],
            enable_mixed_chunk=[None, True],
            max_running_requests=[12, 24, 40, 64, 96, None],
            page_size=[1, 16],
            attention_backend=["flashinfer", "triton", "fa3"],
        ),
        closed("D(1000,150)", 8, 32, 120),
        "maximize_throughput",
        ("tpot_p99", "ttft_p99"),
        feasible=0.05,
    ),
    Problem(
        "edge-12b-1152",
        "mistral-nemo-12b",
        "H100-80GB",
        parameters(
            cuda_graph_max_bs=[4, 16, 48, 128],
            chunked_prefill_size=[256, 1024, 4096, 16384],
            enable_mixed_chunk=[None, True],
            max_running_requests=[10, 20, 32, 48, 80, None],
            quantization=[None, "fp8"],
            attention_backend=["flashinfer", "triton", "fa3"],
        ),
        closed("N(1600,400)/(200,60)", 8, 24, 64),
        "maximize_throughput",
        ("tpot_p99", "ttft_p99"),
        feasible=0.05,
    ),
    Problem(
        "edge-7b-1296",
        "qwen2.5-7b",
        "A100-40GB",
        parameters(
            disable_cuda_graph=[None, True],
            cuda_graph_max_bs={
                "values": [8, 32, 128],
                "when": {"disable-cuda-graph": [None]},
            },
            chunked_prefill_size=[256, 512, 2048, 8192],
            enable_mixed_chunk=[None, True],
            max_running_requests=[12, 28, 56],
            schedule_conservativeness=[0.3, 1.0, 1.6],
            page_size=[1, 64],
            attention_backend=["flashinfer", "triton", "fa3"],
        ),
        closed("N(700,150)/(120,40)", 6, 32, 96),
        "minimize_latency",
        ("tpot_p99", "ttft_p90"),
        feasible=0.04,
    ),
)
