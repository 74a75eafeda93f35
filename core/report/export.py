"""Handing a run on to other programs: JSON, CSV and the task as YAML."""

import csv
import io
import json
from collections.abc import Callable
from typing import Literal, TypeAlias

from core.events import Experiment, SubRound, Verdict
from core.report.conclusion import Conclusion
from core.report.document import run_document
from core.report.findings import Findings
from core.store import StoredTask
from core.task import STATISTICS, FlagValue, spell

Format: TypeAlias = Literal["json", "csv", "yaml"]


def export(conclusion: Conclusion, form: Format) -> str:
    """Return the run in the form asked for; for YAML, the task that made it."""
    match form:
        case "json":
            return to_json(conclusion)
        case "csv":
            return to_csv(conclusion)
        case "yaml":
            return to_yaml(conclusion.task)


def to_json(conclusion: Conclusion, found: Findings | None = None) -> str:
    """Return the document that `core.report.document.RunDocument` describes.

    Args:
        conclusion: the run.
        found: its findings, where they are known already.
    """
    return run_document(conclusion, found).model_dump_json(indent=2) + "\n"


def to_yaml(task: StoredTask) -> str:
    """Return the task file in YAML: as it was written, or put into YAML if it was JSON.

    `core.task.parse_task` reads the same task from it, but for secrets, which are masked.
    """
    if not task.text.lstrip().startswith("{"):
        return task.text
    buffer = io.StringIO()
    from ruamel.yaml import YAML

    YAML(typ="safe", pure=True).dump(json.loads(task.text), buffer)
    return buffer.getvalue()


def to_csv(conclusion: Conclusion) -> str:
    """Return one row for each sub-round, and one for each experiment that has none.

    The columns of `COLUMNS` come first and in that order, then one `parameter:<flag>` for each flag
    that varies. Times are seconds, rates per second; what is not known is empty.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"parameter:{flag}" for flag in conclusion.varied)])
    for experiment in conclusion.experiments:
        values = [
            spell(experiment.configuration[flag]) if flag in experiment.configuration else ""
            for flag in conclusion.varied
        ]
        for sub_round in experiment.sub_rounds or (None,):
            figures = [column(conclusion, experiment, sub_round) for column in COLUMNS.values()]
            writer.writerow(["" if f is None else spell(f) for f in figures] + values)
    return buffer.getvalue()


Column: TypeAlias = Callable[[Conclusion, Experiment, SubRound | None], FlagValue]


def _of_sub_round(read: Callable[[SubRound], FlagValue]) -> Column:
    return lambda _, __, sub_round: None if sub_round is None else read(sub_round)


def _of_verdict(read: Callable[[Verdict], FlagValue]) -> Column:
    return lambda _, experiment, __: (
        None if experiment.verdict is None else read(experiment.verdict)
    )


def _metric(name: str) -> Column:
    return _of_sub_round(lambda sub_round: sub_round.metric(name))


COLUMNS: dict[str, Column] = {
    "task": lambda run, _, __: run.task.ref,
    "simulated": lambda run, _, __: run.simulated,
    "experiment": lambda _, e, __: e.number,
    "origin": lambda _, e, __: e.origin,
    "configuration": lambda _, e, __: e.configuration.key,
    "outcome": lambda _, e, __: e.outcome,
    "failure": lambda _, e, __: e.failure.kind if e.failure else None,
    "feasible": _of_verdict(lambda v: v.feasible),
    "objective": lambda run, _, __: run.task.task.optimization.objective,
    "value": _of_verdict(lambda v: v.value),
    "score": _of_verdict(lambda v: v.score),
    "violation": _of_verdict(lambda v: v.violation),
    "sub_round": _of_sub_round(lambda s: s.index),
    "scenario": _of_sub_round(lambda s: str(s.level.scenario)),
    "concurrency": _of_sub_round(lambda s: s.level.concurrency),
    "request_rate": _of_sub_round(lambda s: s.level.request_rate),
    "started_at": _of_sub_round(lambda s: s.started_at),
    "duration": _of_sub_round(lambda s: s.duration),
    "gpus": _of_sub_round(lambda s: s.gpus),
    "requests_sent": _of_sub_round(lambda s: s.requests.sent),
    "requests_completed": _of_sub_round(lambda s: s.requests.completed),
    "requests_failed": _of_sub_round(lambda s: sum(s.requests.failed.values())),
    **{
        name: _metric(name)
        for name in (
            "error_rate",
            "request_throughput",
            "output_throughput",
            "total_throughput",
            "total_throughput_per_gpu",
            "goodput",
            *(
                f"{family}_{statistic}"
                for family in ("ttft", "tpot", "itl", "e2e_latency")
                for statistic in STATISTICS
            ),
        )
    },
    "power": _of_sub_round(lambda s: s.power),
    **{
        name: _metric(name)
        for name in ("energy_per_token", "throughput_per_watt", "cost_per_million_tokens")
    },
}
"""The columns of the CSV, which stay as they are: new ones are added at the end."""
