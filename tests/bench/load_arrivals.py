"""Whether an open loop sends when it should: `python -m tests.bench.load_arrivals [RATE]`.

The rate of the window as it was scheduled, as it was sent, and as it arrived at the server, against
what was asked (target: within 0.5 %), and whether gaps between sends are exponential
(Kolmogorov–Smirnov; target: p ≥ 1 %). A window lasts until the request after its last is due.
"""

import sys

import numpy as np
from scipy import stats

from core.task import Arrivals
from tests.bench.load_run import measure
from tests.bench.load_stub import Stub


def once(process: str, rate: float, seed: int) -> dict[str, float]:
    with Stub(ttft=0.02, itl=0.002) as stub:
        run = measure(
            stub.url,
            rate=rate,
            requests=round(rate * 12),
            scenario="D(20,8)",
            arrivals=Arrivals.model_validate({"process": process}),
            seed=seed,
        )
    due, sent = np.sort(run.rows["due"]) / 1e9, np.sort(run.rows["sent"]) / 1e9
    gaps, seconds = np.diff(sent), run.result.duration
    arrived = np.sort(stub.truth["arrived"]) / 1e9
    inside = (arrived >= sent[0]) & (arrived < sent[0] + seconds)
    late = sent[-1] - due[-1] - (sent[0] - due[0])
    found = {
        "as scheduled, off what was asked, %": abs(len(due) / seconds / rate - 1) * 100,
        "as sent, %": abs(len(sent) / (seconds + late) / rate - 1) * 100,
        "as received, %": abs(np.count_nonzero(inside) / seconds / rate - 1) * 100,
        "send lateness p99, ms": float(np.quantile(run.rows["sent"] - run.rows["due"], 0.99)) / 1e6,
    }
    if process == "poisson":
        for name, each in (("as scheduled", np.diff(due)), ("as sent", gaps)):
            found[f"KS p, {name}"] = float(stats.kstest(each, "expon", args=(0, 1 / rate)).pvalue)
    return found


def main() -> None:
    rates = (float(sys.argv[1]),) if len(sys.argv) > 1 else (50.0, 200.0)
    for rate in rates:
        for process, seeds in (("constant", 1), ("poisson", 3)):
            for seed in range(seeds):
                print(f"{process} at {rate:g}/s:", flush=True)
                for name, value in once(process, rate, seed).items():
                    print(f"  {name:36} {value:8.4f}", flush=True)


if __name__ == "__main__":
    main()
