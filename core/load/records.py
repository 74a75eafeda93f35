"""What is kept of each request: one row of whole numbers, however many tokens it streamed. Pure."""

import io
from enum import IntEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

REQUEST = np.dtype(
    [
        (name, "<i8")
        for name in (
            "due",  # ns: when it should have been sent
            "sent",  # ns: when it was
            "first",  # ns: arrival of the first event with content; 0 if there was none
            "last",  # ns: arrival of the last event with content; 0 if there was none
            "end",  # ns: end of the stream, or the moment of failure
            "ending",  # `Ending`, or the HTTP status of a refusal
            "prompt_tokens",  # by the server's usage; -1 if it gave none
            "output_tokens",  # by the server's usage; -1 if it gave none
            "chunks",  # events with content
            "asked_prompt",  # tokens; 0 where the length of the prompt was not chosen
            "asked_output",  # tokens
            "first_lag",  # ns between arrival and reading of the first content
            "first_merged",  # further events with content in that same reading
            "opening",  # 1 for the first request of a closed loop's slot, shortened on purpose
        )
    ]
)
"""A request, as the load worker saw it. Times are on CLOCK_MONOTONIC of the worker's machine."""

Table: TypeAlias = NDArray[Any]
"""A one-dimensional array of `REQUEST` rows."""


class Ending(IntEnum):
    """How a request ended; a refusal ends with its HTTP status instead, 100 or above."""

    COMPLETED = 0
    TIMEOUT = 1
    """No end within the request time-out."""
    CONNECTION_REFUSED = 2
    """No connection could be made."""
    CONNECTION_RESET = 3
    """The connection was lost before the answer began."""
    TRUNCATED = 4
    """The stream broke off: no finish reason, no `[DONE]`."""
    ERROR_EVENT = 5
    """The server reported an error after it had said 200."""
    NO_TOKENS = 6
    """A 200 without a single token."""
    BAD_RESPONSE = 7
    """Not HTTP, or not a stream of events."""

    def __str__(self) -> str:
        return self.name.lower()


def kind(ending: int) -> str:
    """Return the name of an ending: `timeout`, `http_503`, …"""
    return f"http_{ending}" if ending >= 100 else str(Ending(ending))


def table(raw: bytes) -> Table:
    """Return rows that were sent as bare little-endian numbers."""
    return np.frombuffer(raw, dtype=REQUEST)


def due_within(rows: Table, opened: int, closed: int) -> Table:
    """Return those of rows in the order they were due that were due in a stretch of time, as a view
    of the same memory."""
    first, end = np.searchsorted(rows["due"], (opened, closed))
    return rows[first:end]


def completed(rows: Table) -> Table:
    """Return the rows that ended well: the same array where all of them did."""
    well = rows["ending"] == Ending.COMPLETED
    return rows if well.all() else rows[well]


def failures(rows: Table) -> dict[str, int]:
    """Return how many rows failed, by kind."""
    endings, counts = np.unique(rows["ending"], return_counts=True)
    return {
        kind(int(ending)): int(count)
        for ending, count in zip(endings, counts, strict=True)
        if ending != Ending.COMPLETED
    }


def pack(rows: Table) -> bytes:
    """Return the rows as a compressed `.npz` archive."""
    archive = io.BytesIO()
    np.savez_compressed(archive, requests=rows)
    return archive.getvalue()


def unpack(data: bytes) -> Table:
    """Return the rows that `pack` wrote.

    Raises:
        ValueError: the data is no such archive.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        rows: Table = archive["requests"]
    return rows
