"""The latencies of a request, and which requests are good. Pure.

With D the moment a request was due, S the moment it was sent, F and L the arrivals of its first and
last content, X the end of its stream, n its output tokens by the server's usage, c its chunks with
content:

    TTFT        F − D                 from the moment it should have been sent: a client or a queue
                                      that is late does not make the server look good (Tene,
                                      "coordinated omission")
    E2E         L − D                 to the last content, not to `[DONE]`
    TPOT        (L − F) / (n − 1)     n > 1; as vLLM, SGLang and genai-bench have it
    mean ITL    (L − F) / (c − 1)     c > 1

README.md compares these with other tools'. Rows are of `core.load.records.REQUEST`; results are in
seconds.
"""

from collections.abc import Mapping

import numpy as np

from core.load.histogram import Flags, Floats, Integers
from core.load.records import Table
from core.task import STATISTICS, Statistic


def ttft(rows: Table) -> Floats:
    """Return the time to first token of each row."""
    return _seconds(rows["first"] - rows["due"])


def ttft_from_send(rows: Table) -> Floats:
    """Return the time from sending to the first token of each row."""
    return _seconds(rows["first"] - rows["sent"])


def e2e_latency(rows: Table) -> Floats:
    """Return the time to the last token of each row."""
    return _seconds(rows["last"] - rows["due"])


def stream_end(rows: Table) -> Floats:
    """Return the time to the end of the stream of each row."""
    return _seconds(rows["end"] - rows["due"])


def tpot(rows: Table) -> Floats:
    """Return the time per output token after the first; 0 for a row of a single token."""
    return _per(rows["last"] - rows["first"], output_tokens(rows) - 1)


def mean_itl(rows: Table) -> Floats:
    """Return the mean gap between chunks of each row; 0 for a row of a single chunk."""
    return _per(rows["last"] - rows["first"], rows["chunks"] - 1)


def output_tokens(rows: Table) -> Integers:
    """Return the output tokens of each row: by usage, or its chunks where there is none."""
    return np.where(rows["output_tokens"] >= 0, rows["output_tokens"], rows["chunks"])


def prompt_tokens(rows: Table) -> Integers:
    """Return the prompt tokens of each row: by usage, or as asked where there is none."""
    return np.where(rows["prompt_tokens"] >= 0, rows["prompt_tokens"], rows["asked_prompt"])


BY_REQUEST = {"ttft": ttft, "tpot": tpot, "itl": mean_itl, "e2e_latency": e2e_latency}
"""What each family of metrics is of a single request; of ITL, the mean of its gaps."""


def metric_parts(metric: str) -> tuple[str, Statistic | None]:
    """Return a metric's family and statistic: `ttft_p90` is of ttft, p90.

    Of a metric that is no statistic of a latency, the whole name and None.
    """
    family, _, named = metric.rpartition("_")
    statistic = next((known for known in STATISTICS if known == named), None)
    return (metric, None) if statistic is None or family not in BY_REQUEST else (family, statistic)


def loosest(thresholds: Mapping[str, float]) -> dict[str, float]:
    """Return one bound, in seconds, for each latency that `thresholds` speaks of.

    `ttft_p50`, `ttft_p99` and `ttft` all bound the TTFT. A single request is held to the loosest of
    them: a bound on the median is not one that every request has to keep.

    Raises:
        KeyError: a name is of no latency.
    """
    bounds: dict[str, float] = {}
    for name, seconds in thresholds.items():
        family, _ = metric_parts(name)
        if family not in BY_REQUEST:
            raise KeyError(name)
        bounds[family] = max(seconds, bounds.get(family, 0.0))
    return bounds


def kept(rows: Table, bounds: Mapping[str, float]) -> dict[str, Flags]:
    """Return, for each bounded latency, which of the completed requests kept its bound."""
    return {family: BY_REQUEST[family](rows) <= seconds for family, seconds in bounds.items()}


def failed_as(rows: Table, timeout: float) -> Floats:
    """Return the latency that each failed row counts as, in seconds: the request time-out, or the
    time until it failed where that was more."""
    return np.maximum(_seconds(rows["end"] - rows["due"]), timeout)


def _per(nanoseconds: Integers, counts: Integers) -> Floats:
    return np.asarray(nanoseconds / 1e9 / np.maximum(counts, 1))


def _seconds(nanoseconds: Integers) -> Floats:
    return np.asarray(nanoseconds / 1e9)
