"""The course of one level: warm up until the load is steady, measure, see the last answers home.

    warming     the level's own load, until it is full or a bound is reached; there the window opens
    measuring   until as many requests as planned have begun; there the window closes. If what came
                first was not like the rest, the window opens later instead, and goes on
    following   the load stays on, so that the last requests of the window end under it too

So throughput is taken while the load was full, without ramp and drain, and latencies are those of
requests that began within. The conductor decides; it sends nothing and keeps no clock.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.events import Failure, FailureKind
from core.load.histogram import Integers
from core.load.observations import Observations
from core.load.plan import LevelPlan, MeasurementError, Progress
from core.load.precision import relative_error, slos_settled
from core.load.records import Ending, completed, due_within
from core.load.warmth import Warmth, drifting, piling_up

FEWEST_FAILURES = 3
"""Failures without a single success after which a level is given up."""
FEWEST_JUDGED = 20
"""Requests that have to have ended before their share of failures is judged."""
FEWEST_LOOKED_AT = 20
"""Requests begun before the precision is looked at for the first time."""
LOOK_AGAIN = 1.3
"""Factor by which requests have to grow until the next look: each look is another chance to be
wrong, so there are few."""
STUCK = 2
"""Times the longest request so far, after which an unfinished one has failed when time is up."""


@dataclass(frozen=True)
class Window:
    """What is measured: requests due in [opened, closed), in nanoseconds."""

    opened: int
    closed: int
    steady: bool = True
    notes: tuple[str, ...] = ()


class Conductor:
    """Decides, from what was seen so far, what comes next."""

    def __init__(self, plan: LevelPlan, seen: Observations) -> None:
        self._plan = plan
        self._seen = seen
        self._warmth = Warmth(plan, seen)
        self.phase: Literal["warming", "measuring", "following"] = "warming"
        self._opened = 0
        self._closed: int | None = None
        slots = plan.level.concurrency or 1
        self._first_look = max(FEWEST_LOOKED_AT, 2 * slots, plan.requests // 4)
        self._next_look = self._first_look
        self._phase_began = seen.began
        self._reported = seen.began

    def decide(self) -> tuple[int, int] | None:
        """Take note of what is new; return the window's borders at the moment it closes.

        Raises:
            MeasurementError: the level cannot be measured.
        """
        self._check_failures()
        if self.phase == "warming":
            self._warm()
        if self.phase == "measuring":
            return self._measure()
        return None

    @property
    def out_of_time(self) -> bool:
        """Whether the level has to end here, with what there is."""
        measuring = self.phase != "warming"
        return measuring and self._seconds_since(self._phase_began) > self._plan.max_seconds

    def window(self) -> Window:
        """Return what was measured, once the load is over.

        Raises:
            MeasurementError: no request of the window was completed.
        """
        seen, opened, closed = self._seen, self._opened, self._closed or self._seen.now
        notes = list(self._warmth.notes)
        seen.give_up(self._stuck())
        rest = seen.unfinished()
        rest = rest[(rest >= opened) & (rest < closed)]
        if len(rest):
            # To leave out just those that had not ended would be to leave out the slow ones.
            closed = int(rest[0])
        measured = due_within(seen.rows(), opened, closed)
        if not (measured["ending"] == Ending.COMPLETED).any():
            raise MeasurementError(self._never_measured())
        if self._closed is None or len(rest):
            notes.append(f"time was up after {len(measured)} of {self._plan.requests} requests")
        unsteady = self._unsteady(opened, closed)
        steady = self._warmth.steady and unsteady is None
        return Window(opened, closed, steady, (*notes, *([unsteady] if unsteady else [])))

    def progress(self) -> Progress:
        """Return how the level is doing since the last time this was asked."""
        seen, plan = self._seen, self._plan
        rows = seen.rows()
        planned = max(len(rows), 3 * (plan.level.concurrency or 1))
        if self.phase != "warming":
            rows = rows[rows["due"] >= self._opened][: plan.requests]
            planned = plan.requests
        good = completed(rows)
        seconds = self._seconds_since(self._reported)
        chunks = float(seen.chunks(self._reported, seen.now).sum())
        tokens = good["output_tokens"].clip(min=0).sum() / max(1, good["chunks"].sum()) or 1.0
        self._reported = seen.now
        return Progress(
            phase="warming" if self.phase == "warming" else "measuring",
            elapsed=self._seconds_since(self._phase_began),
            done=len(rows),
            planned=planned,
            failed=len(rows) - len(good),
            output_throughput=chunks * float(tokens) / seconds if seconds > 0 else 0.0,
            ttft=float(np.median(good["first"] - good["due"])) / 1e9 if len(good) else None,
        )

    def _unsteady(self, opened: int, closed: int) -> str | None:
        """Return what went on changing within the window."""
        if self._plan.level.concurrency is None:
            piled = piling_up(self._seen, opened, closed)
            return "requests came faster than they were answered, and piled up" if piled else None
        # The load stays on until the last answer is home, and tells of the same throughput.
        first = drifting(self._seen, opened, self._seen.now)
        if first is None:
            return None
        return f"throughput changed while measured: {first:.0%} of it came in the first half"

    def _stuck(self) -> Integers:
        """Return when the requests were due that outlast every other by far, unfinished."""
        seen = self._seen
        rows = seen.rows()
        good = completed(rows)
        longest = int((good["end"] - good["due"]).max(initial=0))
        rest = seen.unfinished()
        return rest[seen.now - rest > STUCK * longest]

    def _seconds_since(self, moment: int) -> float:
        return (self._seen.now - moment) / 1e9

    def _measure(self) -> tuple[int, int] | None:
        at = self._end()
        since = self._warmth.confirmed(self._opened, at_last=at is not None)
        if since is not None and since > self._opened:
            self._open(since)
        elif since is not None and at is not None:
            return self._close(at)
        return None

    def _end(self) -> int | None:
        """Return where the window should close; None: not yet."""
        plan, dues = self._plan, self._dues_since(self._opened)
        may_end_early = plan.precision is not None or plan.settle_slos
        if may_end_early and self._next_look <= len(dues) < plan.longest:
            self._next_look = math.ceil(len(dues) * LOOK_AGAIN)
            if self._known_well_enough():
                return int(dues[-1])
        if len(dues) > plan.longest:
            return int(dues[plan.longest])
        if self._seen.exhausted and len(dues):
            return int(dues[-1]) + 1
        return None

    def _known_well_enough(self) -> bool:
        """Return whether the requests that have ended tell what the level was measured for."""
        plan, seen = self._plan, self._seen
        rest = seen.unfinished()
        rest = rest[rest >= self._opened]
        closed = int(rest[0]) if len(rest) else seen.now
        if plan.settle_slos and not slos_settled(plan, seen, self._opened, closed):
            return False
        if plan.precision is None:
            return True
        error = relative_error(plan.deciding, plan, seen, self._opened, closed)
        return error is not None and error <= plan.precision

    def _close(self, at: int) -> tuple[int, int]:
        self._closed = at
        self.phase = "following"
        return self._opened, at

    def _dues_since(self, moment: int) -> Integers:
        """Return when the requests begun since `moment` were due, as far as all workers told."""
        dues = self._seen.begun()
        return dues[np.searchsorted(dues, moment) : np.searchsorted(dues, self._seen.now)]

    def _warm(self) -> None:
        since = self._warmth.since()
        if since is None:
            return
        if self._seen.completed == 0 and not self._seen.exhausted:
            raise MeasurementError(self._never_warm())
        self._open(since)

    def _open(self, since: int) -> None:
        """Open the window with the first request that was due since then, if there is one."""
        dues = self._dues_since(since)
        if len(dues):
            self._opened = self._phase_began = int(dues[0])
            self._next_look = self._first_look
            self.phase = "measuring"

    def _check_failures(self) -> None:
        seen = self._seen
        ended = seen.completed + seen.failed
        slots = self._plan.level.concurrency or 1
        hopeless = seen.completed == 0 and seen.failed >= max(FEWEST_FAILURES, slots)
        often = ended >= FEWEST_JUDGED and seen.failed > self._plan.max_error_rate * ended
        if hopeless or often:
            raise MeasurementError(self._too_many_failures())

    def _too_many_failures(self) -> Failure:
        seen = self._seen
        reasons = "; ".join(f"{kind}: {said}" for kind, said in seen.complaints.items())
        ended = seen.completed + seen.failed
        return Failure(
            kind=FailureKind.REQUEST_ERRORS,
            message=f"{seen.failed} of {ended} requests failed: {reasons}",
            advice="read the server's log; check the model's name and its longest context",
        )

    def _never_warm(self) -> Failure:
        if self._seen.failed:
            return self._too_many_failures()
        return Failure(
            kind=FailureKind.WARMUP_TIMEOUT,
            message=f"no request was completed within {self._plan.warmup_seconds:g} s of warm-up",
            advice="raise timeouts.warmup, or read the server's log",
        )

    def _never_measured(self) -> Failure:
        if self._seen.failed:
            return self._too_many_failures()
        return Failure(
            kind=FailureKind.MEASURE_TIMEOUT,
            message=f"no request was completed within {self._plan.max_seconds:g} s",
            advice="allow more time, or ask for shorter answers",
        )
