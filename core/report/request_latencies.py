"""What every single request of a load level took, for whoever draws how latencies are spread."""

from dataclasses import dataclass

from core.load import latencies
from core.load.records import completed, unpack


@dataclass(frozen=True)
class RequestLatencies:
    """The requests of a level that completed, in seconds, one figure for each request."""

    ttft: tuple[float, ...]
    tpot: tuple[float, ...]
    """Requests with more than one output token only."""
    e2e_latency: tuple[float, ...]
    failed: int
    """Requests that did not complete and are in none of these."""


def request_latencies(requests: bytes) -> RequestLatencies:
    """Return the latencies in what `Viewer.samples` gives.

    Raises:
        ValueError: the data is no table of requests.
    """
    rows = unpack(requests)
    good = completed(rows)
    several = good[latencies.output_tokens(good) > 1]
    return RequestLatencies(
        ttft=tuple(latencies.ttft(good).tolist()),
        tpot=tuple(latencies.tpot(several).tolist()),
        e2e_latency=tuple(latencies.e2e_latency(good).tolist()),
        failed=len(rows) - len(good),
    )
