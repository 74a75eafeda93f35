"""Everything that was seen of a level so far, from all its workers. Pure."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from core.load.histogram import Floats, Integers
from core.load.ledger import SLICE
from core.load.protocol import Tally
from core.load.records import REQUEST, Ending, Table, table


@dataclass
class Observations:
    """The tallies of a level, put together."""

    workers: int
    began: int
    """When the load began, in nanoseconds."""
    complaints: dict[str, str] = field(default_factory=dict)
    """The server's first message for each kind of failure."""

    def __post_init__(self) -> None:
        self.cpu = [0.0] * self.workers
        """CPU seconds of each worker since the load began."""
        self.dropped = [0] * self.workers
        """Requests of each worker that were sent again on a fresh connection."""
        self._exhausted = [False] * self.workers
        self._heard = [self.began] * self.workers
        self.completed = self.failed = self.openings = 0
        """Requests that ended well, that ended otherwise, and that opened a slot, so far."""
        self._cpu_at = [deque([(self.began, 0.0)], maxlen=11) for _ in range(self.workers)]
        self._rows: list[Table] = [np.empty(0, dtype=REQUEST)]
        self._begun: list[Integers] = []
        self._chunks: list[Integers] = []
        self._gaps: list[Integers] = []
        self._lags: list[Integers] = []
        self._loop_lags: list[Integers] = []

    def take(self, worker: int, tally: Tally) -> None:
        """Add what a worker saw since its last tally."""
        self._heard[worker] = tally.at
        self.cpu[worker] = tally.cpu
        self._cpu_at[worker].append((tally.at, tally.cpu))
        self.dropped[worker] = tally.dropped
        self._exhausted[worker] = tally.exhausted
        self.complaints = tally.complaints | self.complaints
        rows = table(tally.rows)
        completed = int((rows["ending"] == Ending.COMPLETED).sum())
        self.completed += completed
        self.failed += len(rows) - completed
        self.openings += int(rows["opening"].sum())
        self._rows.append(rows)
        self._begun.append(np.frombuffer(tally.begun, dtype=np.int64))
        self._chunks.append(_tuples(tally.chunks, 2))
        self._gaps.append(_tuples(tally.gaps, 3))
        self._lags.append(_tuples(tally.lags, 2))
        self._loop_lags.append(_tuples(tally.loop_lags, 2))

    @property
    def exhausted(self) -> bool:
        """Whether no worker has anything left to send."""
        return all(self._exhausted)

    @property
    def now(self) -> int:
        """Until when every worker has told what it saw, in nanoseconds."""
        return min(self._heard)

    def busiest(self) -> float:
        """Return the CPU share of the busiest worker over its last ten tallies; 0 before those."""
        shares = [0.0]
        for history in self._cpu_at:
            (before, cpu_before), (now, cpu) = history[0], history[-1]
            if len(history) == history.maxlen:
                shares.append((cpu - cpu_before) / ((now - before) / 1e9))
        return max(shares)

    def rows(self) -> Table:
        """Return all finished requests, in the order they were due; not to be written to."""
        if len(self._rows) > 1:
            joined = np.concatenate(self._rows)
            self._rows = [joined[np.argsort(joined["due"], kind="stable")]]
        return self._rows[0]

    def begun(self) -> Integers:
        """Return when each request was due that was begun, in order."""
        _condense(self._begun, np.empty(0, dtype=np.int64))
        return np.sort(self._begun[0])

    def unfinished(self) -> Integers:
        """Return when each request was due that was begun and has not ended, in order."""
        dues, counts = np.unique(self.begun(), return_counts=True)
        ended, ended_counts = np.unique(self.rows()["due"], return_counts=True)
        counts[np.searchsorted(dues, ended)] -= ended_counts
        return dues[counts > 0]

    def give_up(self, dues: Integers) -> None:
        """Count unfinished requests, given by when they were due, as timed out by now."""
        rows = np.zeros(len(dues), dtype=REQUEST)
        rows["due"] = rows["sent"] = dues
        rows["end"] = self.now
        rows["ending"] = Ending.TIMEOUT
        self._rows.append(rows)
        self.failed += len(rows)

    def chunks(self, opened: int, closed: int) -> Floats:
        """Return how many events with content arrived in each slice a stretch of time meets."""
        _condense(self._chunks, np.empty((0, 2), dtype=np.int64))
        first, end = _slices(opened, closed)
        slices, counts = self._chunks[0].T
        inside = (slices >= first) & (slices < end)
        return np.bincount(slices[inside] - first, counts[inside], end - first).astype(float)

    def gaps(self, opened: int, closed: int) -> Integers:
        """Return (slice, bin, count) of the gaps that ended in a slice that a stretch meets."""
        _condense(self._gaps, np.empty((0, 3), dtype=np.int64))
        first, end = _slices(opened, closed)
        gaps = self._gaps[0]
        return gaps[(gaps[:, 0] >= first) & (gaps[:, 0] < end)]

    def lags(self) -> Integers:
        """Return (bin, count) of how long bytes lay in the kernel."""
        _condense(self._lags, np.empty((0, 2), dtype=np.int64))
        return self._lags[0]

    def loop_lags(self) -> Integers:
        """Return (bin, count) of how late event loops were."""
        _condense(self._loop_lags, np.empty((0, 2), dtype=np.int64))
        return self._loop_lags[0]


def _slices(opened: int, closed: int) -> tuple[int, int]:
    return opened // SLICE, max(opened // SLICE + 1, -(-closed // SLICE))


def _tuples(raw: bytes, width: int) -> Integers:
    return np.frombuffer(raw, dtype=np.int64).reshape(-1, width)


def _condense(parts: list[Integers], empty: Integers) -> None:
    """Join the parts into one, so that the next look costs less."""
    parts[:] = [np.concatenate([empty, *parts])]
