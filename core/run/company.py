"""What else this machine did while a level was measured, put into its result."""

import os

from core.events import RunState, SubRound

BUSY = 0.8
"""Runnable processes for each CPU, over the last minute, from which the host counts as busy."""


def with_company(measured: SubRound, state: RunState, number: int) -> SubRound:
    """Return the sub-round with a note where experiments side by side may have touched it.

    Args:
        measured: what was measured.
        state: the run.
        number: the experiment that was measured.
    """
    others = sorted(other for other in state.side_by_side if other != number)
    if not others:
        return measured
    named = ", ".join(str(other) for other in others)
    notes = [f"measured beside experiment{'s' * (len(others) > 1)} {named} on the same machine"]
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    if load > BUSY * processors:
        notes.append(
            f"the host's CPUs were busy meanwhile: a load of {load:.1f} on {processors} of them"
        )
    return measured.model_copy(update={"notes": (*measured.notes, *notes)})
