"""What a task's measurement is held against: the figures of an earlier one, elsewhere perhaps."""

from pydantic import Field

from core.task.frozen import Section


class Expectation(Section):
    """The objective as an earlier run measured it."""

    value: float = Field(gt=0)
    """In the objective's own unit; the geometric mean of its launches."""
    repeats: int = Field(default=1, ge=1)
    """Launches behind it."""
    noise: float | None = Field(default=None, gt=0)
    """Standard deviation of one launch, as a share. None: nobody measured it."""
    tolerance: float = Field(default=0.05, gt=0, lt=1)
    """The share by which it may be worse before that is a regression."""
    of: str = ""
    """Which measurement that was."""
    engine_version: str = ""
    """Version of the engine it was measured with; empty where that is not known."""
    gpus: tuple[str, ...] = ()
    """Names of the GPUs it was measured on."""
