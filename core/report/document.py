"""The result of a run as one JSON document with stable keys.

`RunDocument.model_json_schema()` describes every key. Keys are added, never renamed or dropped,
within one `format`.
"""

from typing import Any, Literal

from core.events import Experiment
from core.report.conclusion import Conclusion
from core.report.findings import Findings, findings
from core.report.handover.containers import contained_launch
from core.report.launch import at_usual_port, launch_command
from core.report.old_keys import OldResults, old_results
from core.report.record import against_record
from core.task import Frozen, Objective
from core.verdict.verification import Verification


class Launch(Frozen):
    """How to start a server again."""

    argv: tuple[str, ...]
    """The command line on port 8000, secrets masked; `experiments` have the exact ones."""
    command: str
    """The same for a POSIX shell, with the task's environment; secrets refer to the shell's own.
    `docker run` for what was measured in a container."""


class RunDocument(Frozen):
    """A run: what was asked, what was measured, what it means. Times are seconds."""

    format: Literal["inference-autotuner/1"] = "inference-autotuner/1"
    """Name and number of this form; keys are added within a number, never renamed or dropped."""
    task: str
    """What finds this run: `quickstart#2`."""
    engine: str
    """`base_runtime` of the task: sglang, vllm, llamacpp, custom or simulated."""
    engine_version: str
    """As the engine told it when the run began; empty where it did not."""
    model: str
    """`model.id_or_path` of the task."""
    simulated: bool
    """Whether the figures come from a model of a machine, not from a machine."""
    state: Literal["running", "finished", "cancelled", "failed", "interrupted"]
    """How the run stands, or how it ended."""
    reason: str
    """Why the run ended; empty while it has not."""
    created_at: float
    """Unix time at which the run was asked for."""
    ended_at: float | None
    """Unix time at which the run ended; null while it has not."""
    elapsed: float
    """Seconds that the experiments took, added up."""
    objective: Objective
    """What the run improves, the first of several: `maximize_throughput`, …"""
    headline: str
    """The result in one sentence."""
    best: int | None
    """Number of the best experiment; null where none is feasible."""
    baseline: int | None
    """Number of the experiment with the engine's defaults."""
    gain: float | None
    """How much better the best is than the baseline, as a share: 0.25 is a quarter."""
    keep_defaults: bool
    """Whether nothing was found that is clearly better than defaults which hold the SLOs."""
    recommended: int | None
    """Number of the experiment to hand back: the best, or the baseline if it is as good."""
    launch: Launch | None
    """The launch command of the recommended experiment."""
    verification: Verification | None
    """How the run compares with the figure that its task expects; null where it expects none."""
    findings: Findings
    """What to deploy, what it costs, why experiments failed, which flags matter, the manifest."""
    experiments: tuple[Experiment, ...]
    """Every experiment with its sub-rounds and its verdict, by number."""
    definition: dict[str, Any]
    """The task, with every default filled in."""
    older_keys: OldResults
    """The same in the keys of older `results/<task>_results.json` files."""


def run_document(conclusion: Conclusion, found: Findings | None = None) -> RunDocument:
    """Return the document of a run, over or under way.

    Args:
        conclusion: the run.
        found: its findings, where they are known already.
    """
    task, state = conclusion.task, conclusion.state
    winner, baseline, recommended = conclusion.winner, conclusion.baseline, conclusion.recommended
    return RunDocument(
        task=task.ref,
        engine=task.task.base_runtime,
        engine_version=state.began.engine_version if state.began else "",
        model=task.task.model.id_or_path,
        simulated=conclusion.simulated,
        state=state.ended.state if state.ended else "running",
        reason=state.ended.reason if state.ended else "",
        created_at=task.created_at,
        ended_at=state.ended.at if state.ended else None,
        elapsed=conclusion.elapsed,
        objective=task.task.optimization.objective,
        headline=conclusion.headline,
        best=winner.number if winner else None,
        baseline=baseline.number if baseline else None,
        gain=conclusion.gain,
        keep_defaults=conclusion.keep_defaults,
        recommended=recommended.number if recommended else None,
        launch=_launch(conclusion),
        verification=against_record(conclusion),
        findings=found or findings(conclusion),
        experiments=conclusion.experiments,
        definition=task.task.model_dump(mode="json"),
        older_keys=old_results(conclusion),
    )


def _launch(conclusion: Conclusion) -> Launch | None:
    chosen = conclusion.recommended
    if chosen is None or not chosen.argv:
        return None
    environment = conclusion.task.task.engine.environment
    command = contained_launch(conclusion) or launch_command(chosen.argv, environment)
    return Launch(argv=at_usual_port(chosen.argv), command=command)
