"""What a load worker has seen since it last reported: flat arrays of numbers, no object per token.

Nothing is computed while tokens arrive; `take` turns the arrays into a few kilobytes, vectorised.
"""

from array import array
from dataclasses import dataclass

import numpy as np

from core.load.histogram import bins

SLICE = 100_000_000
"""Nanoseconds. Tokens are counted in slices of the monotonic clock this wide."""

FIRST = -1
"""Stands in for the gap before a request's first content, which is no gap."""


@dataclass(frozen=True)
class Sighting:
    """A stretch of the ledger, condensed. All arrays are of 64-bit integers, flattened."""

    rows: bytes
    """Finished requests, as `core.load.records.REQUEST` rows."""
    begun: bytes
    """The due times of requests that were begun, in nanoseconds."""
    chunks: bytes
    """(slice, count) pairs: events with content that arrived."""
    gaps: bytes
    """(slice, bin, count) triples: gaps between such events within a request."""
    lags: bytes
    """(bin, count) pairs: how long bytes lay in the kernel before they were read."""


class Ledger:
    """The growing record. Its arrays are appended to directly, as a call would cost more."""

    def __init__(self) -> None:
        self.rows = array("q")
        self.begun = array("q")
        self.stamps = array("q")
        """Arrival of each event with content, in nanoseconds."""
        self.gaps = array("q")
        """The gap before each of them, or `FIRST`."""
        self.lags = array("q")
        """For each reading of a socket, how late it was; empty where the kernel does not say."""
        self.complaints: dict[str, str] = {}
        """The first message of the server for each kind of failure."""

    def take(self) -> Sighting:
        """Condense what has been gathered, and begin anew."""
        stamps, gaps = _integers(self.stamps), _integers(self.gaps)
        slices = stamps // SLICE
        inner = gaps != FIRST
        cells = slices[inner] << 16 | bins(gaps[inner])
        cell, cell_counts = np.unique(cells, return_counts=True)
        condensed = Sighting(
            rows=self.rows.tobytes(),
            begun=self.begun.tobytes(),
            chunks=counted(slices),
            gaps=np.stack([cell >> 16, cell & 0xFFFF, cell_counts], axis=1).tobytes(),
            lags=counted(bins(_integers(self.lags))),
        )
        for numbers in (self.rows, self.begun, self.stamps, self.gaps, self.lags):
            del numbers[:]
        return condensed


def _integers(numbers: "array[int]") -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(numbers, dtype=np.int64)


def counted(values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> bytes:
    """Return (value, count) pairs, flattened."""
    unique, counts = np.unique(values, return_counts=True)
    return np.stack([unique, counts], axis=1).astype(np.int64).tobytes()
