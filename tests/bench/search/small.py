"""Problems that a test can afford: their tables are built in seconds."""

from tests.bench.search.problems import PROBLEMS, Problem, closed, parameters

CRASHING = Problem(
    "crashing-12b-144",
    "mistral-nemo-12b",
    "A100-40GB",
    parameters(
        quantization=[None, "fp8"],
        mem_fraction_static=[0.75, 0.85, 0.91, 0.95],
        max_running_requests=[16, 48, 128],
        chunked_prefill_size=[512, 4096, 16384],
        enable_torch_compile=[None, True],
    ),
    closed("N(900,250)/(120,40)", 8, 80),
    "maximize_throughput",
    ("ttft_p99", "tpot_p99"),
    feasible=0.08,
)

SMALL = (
    *(p for p in PROBLEMS if p.name == "published-12b-240"),
    CRASHING,
)
