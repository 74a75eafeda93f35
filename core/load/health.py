"""What the client knows of its own error, and when a sub-round proves nothing. Pure.

Arrival times are the kernel's, so a late reader is no error by itself. Three things are:

* Two tokens that were read together have one arrival time, that of the later. When the reading was
  late as well, the first of them came up to a token's gap earlier, for each token after it.
* In open loop, a request that was sent late has waited in the client.
* In closed loop, a slot without a request under way is load that was promised and not given.

Where the kernel gives no times, the event loop's lateness stands in for the reader's, and is in
every stamp.
"""

from dataclasses import dataclass

import numpy as np

from core.events import ClientFloor, ClientHealth
from core.load.histogram import Floats, Integers, middles
from core.load.latencies import mean_itl, output_tokens, tpot, ttft
from core.load.observations import Observations
from core.load.records import Table

TOLERATED = 0.03
"""Share of a mean TTFT or TPOT that the client may have added."""
LEAST_LOAD = 0.95
"""Share of the asked concurrency that has to be under way on average."""
LATE = 0.2
"""Lateness of a reading, in gaps between tokens, from which tokens read together came apart."""


@dataclass(frozen=True)
class Verdict:
    """The client's health, and in words why it was too slow; empty if it was not."""

    health: ClientHealth
    reasons: tuple[str, ...]


def examine(
    seen: Observations, good: Table, *, stamped: bool, load: float, floor: ClientFloor | None
) -> Verdict:
    """Judge the client by the completed requests of the window.

    Args:
        load: share of the asked concurrency that was under way; 1 in open loop.
    """
    seconds = max(1e-9, (seen.now - seen.began) / 1e9)
    sends = (good["sent"] - good["due"]) / 1e9
    merged = _merged(good) if stamped else np.full(len(good), _mean(seen.loop_lags()))
    ttft_error = float((sends + merged).mean())
    tpot_error = float((merged / np.maximum(output_tokens(good) - 1, 1)).mean())
    reasons = []
    if ttft_error > TOLERATED * float(ttft(good).mean()):
        reasons.append(f"it added about {ttft_error * 1e3:.3g} ms to the mean TTFT")
    if tpot_error > TOLERATED * float(tpot(good).mean()):
        reasons.append(f"it may be off by {tpot_error * 1e3:.3g} ms in the mean TPOT")
    if load < LEAST_LOAD:
        reasons.append(f"it kept only {load:.0%} of the requests under way")
    return Verdict(
        ClientHealth(
            cpu_share=sum(seen.cpu) / seconds / seen.workers,
            loop_lag_p99=_quantile(seen.loop_lags(), 0.99),
            send_lag_p99=float(np.quantile(sends, 0.99)),
            read_lag_p99=_quantile(seen.lags(), 0.99) if stamped else None,
            ttft_error=ttft_error,
            tpot_error=tpot_error,
            workers=seen.workers,
            floor=floor,
            bound=bool(reasons),
        ),
        tuple(reasons),
    )


def _merged(good: Table) -> Floats:
    """Return by how much each first token may have come before its stamp, in seconds."""
    gap = mean_itl(good)
    late = good["first_lag"] / 1e9 > LATE * gap
    return np.where(late, good["first_merged"] * gap, 0.0)


def _quantile(histogram: Integers, share: float) -> float:
    """Return a quantile of (bin, count) pairs, in seconds; 0 for none."""
    if len(histogram) == 0:
        return 0.0
    ordered = histogram[np.argsort(histogram[:, 0])]
    upto = np.cumsum(ordered[:, 1])
    index = int(np.searchsorted(upto, share * upto[-1]))
    return float(middles(ordered[index : index + 1, 0])[0]) / 1e9


def _mean(histogram: Integers) -> float:
    """Return the mean of (bin, count) pairs, in seconds; 0 for none."""
    if len(histogram) == 0:
        return 0.0
    return float(np.average(middles(histogram[:, 0]), weights=histogram[:, 1])) / 1e9
