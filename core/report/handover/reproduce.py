"""A task file that pins the recommended configuration, to be measured again some day, somewhere."""

import math
from collections.abc import Sequence
from statistics import stdev
from typing import Any

from core.paths import path_of
from core.report.characters import one_line
from core.report.conclusion import Conclusion
from core.report.findings import Findings
from core.report.handover.deployment import local_model
from core.report.handover.yaml_text import as_yaml
from core.task import Expectation, is_secret_name
from core.verdict.margin import objective_of

_REPLACED = {
    "parameters", "recommended", "presets", "presets_merge", "quant_config", "parallel_config",
    "expect",
}  # fmt: skip
"""Fields that the pinned flags stand in for."""

_ONE_LAUNCH = {
    "strategy": "grid_search",
    "max_iterations": 1,
    "baseline": False,
    "confirmation": False,
    "reverts": 0,
    "pruning": False,
}
"""One launch and nothing else: `autotuner verify` makes as many as it takes."""


def expectation(conclusion: Conclusion, found: Findings) -> Expectation | None:
    """Return what a new measurement is to be held against; None where nothing was measured."""
    chosen = found.recommended
    if chosen is None or chosen.value is None:
        return None
    confirmed = found.confirmed
    return Expectation(
        value=chosen.value,
        repeats=len(chosen.runs),
        noise=confirmed.noise if confirmed else _noise(conclusion, chosen.runs),
        of=f"{found.manifest.task}, experiment {chosen.experiment}",
        engine_version=found.manifest.engine_version,
        gpus=tuple(sorted({g.name for host in found.manifest.hosts for g in host.gpus})),
    )


def _noise(conclusion: Conclusion, runs: Sequence[int]) -> float | None:
    """Return the standard deviation of one launch, as a share; None where one alone was made."""
    launches = (conclusion.state.experiments[number] for number in runs)
    logs = [math.log(value) for e in launches if (value := objective_of(e)) is not None]
    return (stdev(logs) or None) if len(logs) > 1 else None


def _folder(conclusion: Conclusion) -> str:
    hosts = conclusion.state.hosts
    return hosts[-1].folder if hosts else ""


def _name_whole_paths(benchmark: dict[str, Any], folder: str) -> None:
    """Put the absolute path of each file that requests come from in place of a relative one.

    Args:
        folder: that relative ones start from. Empty: unknown, and they stay as they are.
    """
    for section, name in ((benchmark, "dataset_url"), (benchmark.get("trace") or {}, "source")):
        source = section.get(name)
        if source and "://" not in source:
            section[name] = str(folder / path_of(source))


def reproduce(conclusion: Conclusion, found: Findings) -> str | None:
    """Return the task file; None where nothing is to be recommended.

    `autotuner --run` measures it, `autotuner verify` holds it against what is expected.
    """
    chosen, expected = conclusion.recommended, expectation(conclusion, found)
    if chosen is None or expected is None:
        return None
    task = conclusion.task.task
    document: dict[str, Any] = task.model_dump(
        mode="json", by_alias=True, exclude_unset=True, exclude=_REPLACED
    )
    pinned = {flag: [value] for flag, value in chosen.configuration.items()}
    if not pinned and task.parameters:
        pinned = {next(iter(task.parameters)): [None]}  # left out, as in the defaults
    if model := local_model(conclusion):
        document["model"]["id_or_path"] = model
    _name_whole_paths(document.get("benchmark", {}), _folder(conclusion))
    document["task_name"] = f"{task.task_name}-verify"
    document["parameters"] = pinned
    kept = task.optimization.model_dump(
        mode="json",
        include={"objective", "also", "timeout_per_iteration", "seed"},
        exclude_unset=True,
    )
    document["optimization"] = {**kept, **_ONE_LAUNCH}
    if variables := document.get("engine", {}).get("environment"):
        # Servers inherit secrets from the shell; a file is no place for them.
        document["engine"]["environment"] = {
            name: value for name, value in variables.items() if not is_secret_name(name)
        }
    document["expect"] = expected.model_dump(mode="json", exclude_none=True)
    gpus = f" on {', '.join(expected.gpus)}" if expected.gpus else ""
    head = one_line(
        f"The winner of {expected.of}{gpus}; `autotuner verify FILE` measures it again."
    )
    return f"# {head}\n{as_yaml(document)}"
