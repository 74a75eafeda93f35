"""A problem whose best lies between two SLOs that pull apart, both on noisy tails.

The search was improved on it; it is not one of the fourteen in the table.
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
)
