"""Whether an open loop sends when it should: `python -m tests.bench.load_arrivals [RATE]`.

The rate of sends, and of what arrived at the server, against the schedule's (target: within 0.5 %),
and whether gaps between sends are exponential (Kolmogorov–Smirnov; target: p ≥ 1 %).

The schedule's own rate over the stretch that was measured differs from what was asked, as that of
random arrivals does. It is exact over whole blocks (`core.load.arrivals`), but a window of 600
requests opens and closes within blocks of 128: a standard deviation of 1.1 %.
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
    sent = np.sort(run.rows["sent"]) / 1e9
    due = np.sort(run.rows["due"]) / 1e9
    gaps = np.diff(sent)
    arrived = np.sort(stub.truth["arrived"]) / 1e9
    inside = arrived[(arrived >= sent[0]) & (arrived <= sent[-1] + 0.001)]
    scheduled, as_sent, received = map(_rate, (due, sent, inside))
    found = {
        "as sent, off the schedule, %": abs(as_sent / scheduled - 1) * 100,
        "as received, off the schedule, %": abs(received / scheduled - 1) * 100,
        "schedule, off what was asked, %": abs(scheduled / rate - 1) * 100,
        "send lateness p99, ms": float(np.quantile(run.rows["sent"] - run.rows["due"], 0.99)) / 1e6,
    }
    if process == "poisson":
        for name, each in (("as scheduled", np.diff(due)), ("as sent", gaps)):
            found[f"KS p, {name}"] = float(stats.kstest(each, "expon", args=(0, 1 / rate)).pvalue)
    return found


def _rate(moments: np.ndarray) -> float:
    return (len(moments) - 1) / float(moments[-1] - moments[0])


def main() -> None:
    rates = (float(sys.argv[1]),) if len(sys.argv) > 1 else (50.0, 200.0)
    for rate in rates:
        for process, seeds in (("constant", 1), ("poisson", 3)):
            for seed in range(seeds):
                print(f"{process} at {rate:g}/s:", flush=True)
                for name, value in once(process, rate, seed).items():
                    print(f"  {name:32} {value:8.4f}", flush=True)


if __name__ == "__main__":
    main()
