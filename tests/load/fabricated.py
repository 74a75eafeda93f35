"""Tallies as a load worker would send them, made up from requests that are given in seconds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.load.histogram import bins
from core.load.ledger import SLICE
from core.load.observations import Observations
from core.load.protocol import Tally
from core.load.records import REQUEST, Ending

START = 1_000 * 10**9
"""When every made-up load begins, in nanoseconds."""


@dataclass
class Call:
    """One request. Tokens are evenly spaced between first and last."""

    due: float
    ttft: float = 0.1
    itl: float = 0.01
    tokens: int = 10
    ending: int = Ending.COMPLETED
    opening: bool = False
    late: float = 0.0
    """Seconds from due to sent."""
    per_chunk: int = 1
    merged: int = 0
    lag: float = 0.0
    usage: bool = True
    asked_output: int | None = None
    prompt_tokens: int = 100

    @property
    def end(self) -> float:
        return self.due + self.ttft + self.itl * (self.chunks - 1)

    @property
    def chunks(self) -> int:
        return -(-self.tokens // self.per_chunk)

    def stamps(self) -> "np.ndarray":
        steps = np.arange(self.chunks) * self.itl
        return START + ((self.due + self.ttft + steps) * 1e9).astype(np.int64)

    def row(self) -> "np.ndarray":
        row = np.zeros(1, dtype=REQUEST)
        stamps = self.stamps()
        row["due"] = START + int(self.due * 1e9)
        row["sent"] = row["due"] + int(self.late * 1e9)
        row["end"] = stamps[-1]
        row["ending"] = self.ending
        if self.ending == Ending.COMPLETED:
            row["first"], row["last"] = stamps[0], stamps[-1]
            row["chunks"] = self.chunks
        row["prompt_tokens"] = self.prompt_tokens if self.usage else -1
        row["output_tokens"] = self.tokens if self.usage else -1
        row["asked_prompt"] = 100
        row["asked_output"] = self.tokens if self.asked_output is None else self.asked_output
        row["opening"] = self.opening
        row["first_lag"] = int(self.lag * 1e9)
        row["first_merged"] = self.merged
        return row


class Playback:
    """A load that has all happened, told bit by bit."""

    def __init__(self, calls: Sequence[Call]) -> None:
        nothing = np.empty(0, dtype=np.int64)
        rows = [call.row() for call in calls] or [np.zeros(0, dtype=REQUEST)]
        self._rows = np.concatenate(rows)
        stamps = [call.stamps() for call in calls if call.ending == Ending.COMPLETED]
        self._stamps = np.concatenate([*stamps, nothing])
        self._gaps = np.concatenate(
            [
                *(np.column_stack([each[1:], np.diff(each)]) for each in stamps),
                nothing.reshape(0, 2),
            ]
        )

    def tally(
        self, since: float, until: float, *, cpu: float = 0.0, exhausted: bool = False
    ) -> Tally:
        """Return what is seen between two moments, in seconds from the start."""
        low, high = START + int(since * 1e9), START + int(until * 1e9)

        def now(moments: "np.ndarray") -> "np.ndarray":
            return (moments > low) & (moments <= high)

        rows = self._rows[now(self._rows["end"])]
        due = self._rows["due"]
        gaps = self._gaps[now(self._gaps[:, 0])]
        cells = np.column_stack([gaps[:, 0] // SLICE, bins(gaps[:, 1])])
        unique, counts = np.unique(cells, axis=0, return_counts=True)
        return Tally(
            at=high,
            rows=rows.tobytes(),
            begun=due[now(due)].tobytes(),
            chunks=pairs(self._stamps[now(self._stamps)] // SLICE),
            gaps=np.column_stack([unique, counts]).astype(np.int64).tobytes(),
            lags=b"",
            loop_lags=b"",
            cpu=cpu,
            dropped=0,
            complaints={"http_503": "queue is full"} if rows["ending"].any() else {},
            exhausted=exhausted,
        )


def pairs(values: "np.ndarray") -> bytes:
    unique, counts = np.unique(values, return_counts=True)
    return np.column_stack([unique, counts]).astype(np.int64).tobytes()


def observed(calls: Sequence[Call], until: float) -> Observations:
    """Return everything seen of `calls` up to a moment."""
    seen = Observations(workers=1, began=START)
    seen.take(0, Playback(calls).tally(-1.0, until))
    return seen


def closed_loop(
    slots: int, seconds: float, *, speed: "np.ufunc | None" = None, **call: object
) -> list[Call]:
    """Return the calls of a closed loop, with openings of staggered lengths.

    `speed` gives the factor by which the server is slower at a moment.
    """
    calls = []
    for slot in range(slots):
        at, opening = 0.0, True
        while at < seconds:
            slower = 1.0 if speed is None else float(speed(at))
            each = Call(at, opening=opening, **call)  # type: ignore[arg-type]
            each.itl *= slower
            if opening:
                each.tokens = max(1, round(each.tokens * (slot + 1) / slots))
            calls.append(each)
            at, opening = each.end + 1e-6, False
    return calls
