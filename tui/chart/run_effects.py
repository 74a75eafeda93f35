"""What single flags were proved to do in a run, read and worked out away from the keys.

The findings of the run are the source, so that chart and report say the same.
"""

import asyncio
from dataclasses import dataclass

from core.store import StoredTask, Viewer
from core.verdict import objective_metric
from core.verdict.effects import Effect

_MOST = 1000
"""Experiments up to which a whole history is read for this; the report does it at any size."""


@dataclass(frozen=True)
class EffectsKnown:
    """The proved effects on the objective."""

    effects: tuple[Effect, ...] = ()
    lacking: str = ""
    """Why there are none; empty where there are."""


class RunEffects:
    """A reading of the effects in one task. They are worked out anew as experiments end."""

    def __init__(self, task_id: int) -> None:
        self._task_id = task_id
        self._known = EffectsKnown()
        self._of: tuple[int, str] | None = None

    async def __call__(self, viewer: Viewer) -> EffectsKnown:
        """Return what is known now."""
        stored = await viewer.find(f"#{self._task_id}")
        summary = await viewer.summary(self._task_id)
        if stored is None or summary is None:
            return EffectsKnown()
        over = summary.done, summary.state
        if over != self._of:
            self._known = await _work_out(viewer, stored, over[0])
            self._of = over
        return self._known


async def _work_out(viewer: Viewer, stored: StoredTask, experiments: int) -> EffectsKnown:
    from core.report import Conclusion
    from core.report.findings import findings

    if experiments > _MOST:
        return EffectsKnown(lacking="8, the report, works out what single flags do in a long run")
    state, _ = await viewer.state(stored.id)
    found = await asyncio.to_thread(lambda: findings(Conclusion(stored, state)))
    metric = objective_metric(stored.task.optimization.objective)
    proved = tuple(e for e in found.effects if e.metric == metric and e.proved)
    return EffectsKnown(proved, "" if proved else found.unknown_effects or "no effect is proved")
