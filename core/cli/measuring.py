"""`autotuner bench URL` and `autotuner --target URL`: measuring a server that is already there."""

import asyncio
import json
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from core.errors import HostError, TaskError, UsageError
from core.events import Probe, SloVerdict, SubRound
from core.load import MeasurementError, Progress
from core.load.bench import BenchPlan, bench
from core.report.measurement import print_measurement
from core.task import STATISTICS, Task, parse_task, read_task
from core.verdict import judge, objective_metric

HELD, NOT_HELD = 0, 1


def measure(
    url: str,
    *,
    task: Path | None = None,
    asked: Mapping[str, Any] | None = None,
    slos: Sequence[str] = (),
    parameters: Sequence[str] = (),
    objective: str | None = None,
    seed: int | None = None,
    gpus: int = 1,
    verify_tls: bool = True,
    as_json: bool = False,
) -> int:
    """Measure the server at `url`; return 0, or 1 where an SLO does not hold.

    Args:
        task: a task file whose benchmark, SLOs and objective count.
        asked: fields of the benchmark section that have the last word.
        slos: bounds such as `ttft_p90=0.5`, in seconds.
        parameters: fields of every request's body, such as `temperature=0`.
        seed: that of the prompts and arrivals. None: one that was not used before, as the server
            may still hold the prompts of an earlier run in its prefix cache.

    Raises:
        TaskError: the task file is wrong.
        UsageError: so is the command line.
        HostError: the server, or this machine, cannot be measured.
    """
    seed = secrets.randbelow(2**31) if seed is None else seed
    wanted = _task(url, task, asked or {}, slos, parameters, objective, seed)
    plan = BenchPlan(
        url=url,
        task=wanted,
        deciding=objective_metric(wanted.optimization.objective),
        gpus=gpus,
        verify_tls=verify_tls,
    )
    return asyncio.run(_measure(plan, as_json=as_json))


async def _measure(plan: BenchPlan, *, as_json: bool) -> int:
    measured: list[SubRound] = []
    held = True
    try:
        async for said in bench(plan):
            match said:
                case Progress():
                    _show(f"{said.phase}: {said.done} of {said.planned} requests")
                case Probe():
                    _show("")
                    outcome = "holds" if said.holds else "breaks"
                    print(f"a load of {said.load:.4g} {outcome} the SLOs", file=sys.stderr)
                case SubRound():
                    _show("")
                    measured.append(said)
                    slos, kept = _judged(plan.task, said)
                    held = held and kept
                    if not as_json:
                        print_measurement(said, slos, sys.stdout)
                        sys.stdout.flush()
    except MeasurementError as error:
        failure = error.failure
        evidence = f" ({failure.evidence})" if failure.evidence else ""
        advice = f"; {failure.advice}" if failure.advice else ""
        raise HostError(f"{plan.url}: {failure.message}{evidence}{advice}") from None
    finally:
        _show("")
        if as_json and measured:
            levels = [one.model_dump(mode="json") for one in measured]
            seed = plan.task.optimization.seed
            print(json.dumps({"url": plan.url, "seed": seed, "levels": levels}, indent=2))
    if any(one.client is not None and one.client.bound for one in measured):
        raise HostError("the load generator was too slow: figures marked so prove nothing")
    return HELD if held else NOT_HELD


def _judged(task: Task, measured: SubRound) -> tuple[tuple[SloVerdict, ...], bool]:
    verdict = judge([measured], task.slo, task.optimization.objective, levels=1)
    unfound = measured.found is not None and measured.found.load is None
    return verdict.slos, all(slo.held for slo in verdict.slos) and not unfound


def _show(text: str) -> None:
    """Show how it goes on the terminal's last line, if there is a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _task(
    url: str,
    path: Path | None,
    asked: Mapping[str, Any],
    slos: Sequence[str],
    parameters: Sequence[str],
    objective: str | None,
    seed: int,
) -> Task:
    """Return the task that says what is measured, as if it had been written in a file.

    Raises:
        TaskError: the task file is wrong.
        UsageError: the command line is.
    """
    document: dict[str, Any] = {
        "task_name": "bench",
        "base_runtime": "custom",
        "model": {"id_or_path": url},
        "engine": {"command": "{port} {model} {flags}"},
    }
    if path is not None:
        document = YAML(typ="safe", pure=True).load(read_task(path).text)
    benchmark = {**(document.get("benchmark") or {}), **asked}
    if parameters:
        extras = dict(map(_parameter, parameters))
        benchmark["additional_params"] = {**benchmark.get("additional_params", {}), **extras}
    if path is not None and {"request_rate", "trace"} & asked.keys():
        benchmark.setdefault("num_concurrency", [])
    slo = {**(document.get("slo") or {})}
    for bound in slos:
        family, statistic, threshold = _bound(bound)
        slo[family] = {**slo.get(family, {}), statistic: {"threshold": threshold}}
    optimization = {**(document.get("optimization") or {}), "seed": seed}
    if objective is not None:
        optimization["objective"] = objective
    document |= {"benchmark": benchmark, "slo": slo, "optimization": optimization}
    try:
        return parse_task(json.dumps(document), "command line").task
    except TaskError as error:
        raise UsageError("\n".join(error.problems)) from None


def _bound(text: str) -> tuple[str, str, float]:
    """Read `ttft_p90=0.5`."""
    name, _, threshold = text.partition("=")
    family, _, statistic = name.strip().rpartition("_")
    family = "latency" if family in {"e2e", "e2e_latency"} else family
    try:
        seconds = float(threshold)
    except ValueError:
        seconds = 0.0
    if family not in {"ttft", "tpot", "itl", "latency"} or statistic not in STATISTICS:
        raise UsageError(
            f"'{text}' is no SLO; write a metric and its bound in seconds: ttft_p90=0.5"
        )
    if not seconds > 0:
        raise UsageError(f"'{text}': the bound is a number of seconds above 0")
    return family, statistic, seconds


def _parameter(text: str) -> tuple[str, Any]:
    """Read `temperature=0`: a name, and a value in JSON or as it stands."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"'{text}' is no parameter; write name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
