"""The report of a run, made apart from the app, and made again as often as its cost allows."""

import asyncio
import time
from dataclasses import dataclass

from core.errors import HostError
from core.report.blocks import Block, blocks
from core.report.findings import findings
from core.report.launch import launch_command
from core.store import StoredTask, TaskSummary, Viewer
from tui.apart import apart
from tui.commands import conclusion_of

_SHARE = 0.03
"""Share of a processor that making it again and again may take while the run goes on."""


@dataclass(frozen=True)
class Report:
    """What a task amounts to."""

    stored: StoredTask
    over: bool
    blocks: tuple[Block, ...]
    command: str
    """The recommended launch command; empty where there is none."""


async def read_report(task_id: int) -> Report:
    """Return the report of a run, by its whole history.

    Raises:
        HostError: the task is gone.
    """
    conclusion = await conclusion_of(task_id)
    chosen = conclusion.recommended
    environment = conclusion.task.task.engine.environment
    return Report(
        stored=conclusion.task,
        over=conclusion.state.ended is not None,
        blocks=tuple(blocks(conclusion, findings(conclusion))),
        command=launch_command(chosen.argv, environment) if chosen else "",
    )


class RunReport:
    """A reading of the report of one task. Call it with a viewer, again and again."""

    def __init__(self, task_id: int) -> None:
        self.task_id = task_id
        self.wanted = True
        """Set to False, it gives up what it is doing."""
        self._last: Report | None = None
        self._failure: HostError | None = None
        """Why it could not be made."""
        self._of: TaskSummary | None = None
        """What either came of."""
        self._again = 0.0
        """Time from which it may be made again while the run goes on."""

    async def __call__(self, viewer: Viewer) -> Report | None:
        """Return the report, made anew if there is cause to; None if the task is gone."""
        summary = await viewer.summary(self.task_id)
        if summary is None:
            return None
        if self._is_stale(summary):
            began, self._failure = time.monotonic(), None
            try:
                self._last = await self._made()
            except HostError as error:
                self._failure = error
            now = time.monotonic()
            self._of = summary if self.wanted else None
            self._again = now + (now - began) / _SHARE
        if self._failure is not None:
            raise self._failure
        return self._last

    def _is_stale(self, summary: TaskSummary) -> bool:
        if self._of is None or self._of.state is not summary.state:
            return True
        old, new = self._of, summary
        changed = (old.outcomes, old.confirmation) != (new.outcomes, new.confirmation)
        return changed and time.monotonic() >= self._again

    async def _made(self) -> Report | None:
        making = asyncio.ensure_future(apart(read_report, self.task_id))
        while not making.done() and self.wanted:
            await asyncio.wait({making}, timeout=_LOOK)
        if not making.done():
            making.cancel()
            await asyncio.wait({making})
            return self._last
        return await making


_LOOK = 0.2
"""Seconds between two looks whether it is still wanted."""
