"""How far latencies are off: `python -m tests.bench.load_accuracy [REPEATS [STREAMS]]`.

Against a stub that writes down when it sent what, closed loop, TTFT 50 ms, ITL 10 ms, 100 tokens.
Errors are by request: what was reported for it, less what the stub did for it.
"""

import sys
from statistics import median

import numpy as np

from tests.bench.load_run import measure
from tests.bench.load_stub import Stub

IDEAL = 100 / 1.04
"""Tokens per second of one stream."""


def once(streams: int) -> dict[str, float]:
    with Stub() as stub:
        run = measure(stub.url, streams=streams, requests=8 * streams)
    rows, truth = run.rows, stub.answers_to(run.rows["sent"])
    ttft = (rows["first"] - rows["due"]) - (truth["first"] - rows["sent"])
    true_tpot = ((truth["last"] - truth["first"]) / (truth["tokens"] - 1)).mean()
    tpot = ((rows["last"] - rows["first"]) / (rows["output_tokens"] - 1)).mean()
    client = run.result.client
    assert client is not None
    return {
        "TTFT error, median, ms": float(np.median(abs(ttft))) / 1e6,
        "TTFT error, p99, ms": float(np.quantile(abs(ttft), 0.99)) / 1e6,
        "TTFT reported, median, ms": (run.result.ttft.percentiles["p50"] if run.result.ttft else 0)
        * 1e3,
        "TPOT error, %": float(abs(tpot / true_tpot - 1)) * 100,
        "tokens/s of ideal, %": run.result.output_throughput / (IDEAL * streams) * 100,
        "token counts off": float((rows["output_tokens"] != truth["tokens"]).sum()),
        "requests failed": float(sum(run.result.requests.failed.values())),
        "bound": float(client.bound),
        "CPU per token, µs": run.cpu_per_token,
    }


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    chosen = (int(sys.argv[2]),) if len(sys.argv) > 2 else (1, 32, 128, 384)
    for streams in chosen:
        runs = [once(streams) for _ in range(repeats)]
        print(f"{streams} streams, median (worst) of {repeats}")
        for name in runs[0]:
            figures = [run[name] for run in runs]
            worst = min(figures) if "ideal" in name else max(figures)
            print(f"  {name:28} {median(figures):10.4f}  ({worst:.4f})")


if __name__ == "__main__":
    main()
