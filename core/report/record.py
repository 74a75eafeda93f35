"""A run of a pinned task, held against the record that the task carries."""

from collections.abc import Sequence

from core.events import Experiment
from core.report.conclusion import Conclusion
from core.task import Expectation
from core.verdict.verification import Verification, unlike, verify


def against_record(
    conclusion: Conclusion,
    expected: Expectation | None = None,
    earlier: Sequence[Experiment] = (),
) -> Verification | None:
    """Return what a run says of the figure that its task expects; None where it expects none.

    Args:
        conclusion: the run.
        expected: what to hold it against instead.
        earlier: launches of the same configuration in runs before it.
    """
    task, state = conclusion.task.task, conclusion.state
    expected = expected or task.expect
    if expected is None:
        return None
    version = state.began.engine_version if state.began else ""
    gpus = [gpu.name for gpu in state.hosts[-1].gpus] if state.hosts else None
    found = verify(expected, [*earlier, *launches(conclusion)], task.optimization.objective)
    return found.model_copy(update={"unlike": unlike(expected, version, gpus)})


def launches(conclusion: Conclusion) -> list[Experiment]:
    """Return the launches of a pinned task that compare: a soak is longer than what is expected."""
    return [e for e in conclusion.experiments if e.origin != "soak"]
