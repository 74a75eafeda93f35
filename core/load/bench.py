"""A measurement without launching anything: what `autotuner bench URL` does.

It finds out which model the server has and which engine it is, and measures level after level, as
the benchmark section of a task says.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

import httpx

from core.engines.engine import RequestShape
from core.engines.registry import ENGINES
from core.errors import HostError, UsageError
from core.events import Probe, SubRound
from core.load.capacity import find_capacity
from core.load.measure import LoadWorker
from core.load.plan import Progress, RequestTable, Target
from core.load.planning import PlanTerms, capacity_plan, level_plan, load_target
from core.load.sse import error_message
from core.load.wire import tls_context
from core.task import Frozen, Level, Task

ASK_TIMEOUT = 10.0
"""Seconds for the server to say which models it has."""


class BenchPlan(Frozen):
    """What `autotuner bench` was asked for."""

    url: str
    task: Task
    """Its benchmark, SLOs and objective say what is measured; nothing of it is launched."""
    deciding: str = "output_throughput"
    """The metric that levels of a given precision are measured for."""
    gpus: int = 1
    """GPUs of the server, for figures per GPU."""
    verify_tls: bool = True


async def bench(wanted: BenchPlan) -> AsyncGenerator[Progress | Probe | SubRound, None]:
    """Measure every level in turn; yield progress, and each sub-round as it comes.

    Raises:
        HostError: the server cannot be reached.
        UsageError: it has no model, or not the one that was named.
        MeasurementError: a level could not be measured.
    """
    task = wanted.task
    target = await find_target(wanted)
    async with LoadWorker() as worker:
        for index, level in enumerate(task.levels()):
            terms = PlanTerms(
                index=index,
                seed=task.optimization.seed + index,
                deciding=wanted.deciding,
                gpus=wanted.gpus,
            )
            async with aclosing(_measured(worker, target, task, level, terms)) as measuring:
                async for said in measuring:
                    if not isinstance(said, RequestTable):
                        yield said


def _measured(
    worker: LoadWorker, target: Target, task: Task, level: Level, terms: PlanTerms
) -> AsyncGenerator[Progress | Probe | RequestTable | SubRound, None]:
    if level.largest is not None:
        plan = capacity_plan(task, level, terms)
        return find_capacity(plan, lambda one: worker.measure(target, one))
    return worker.measure(target, level_plan(task, level, terms))


async def find_target(wanted: BenchPlan) -> Target:
    """Return the server as a target, with the model it has.

    Raises:
        HostError: it cannot be reached, or lets nobody in without another key.
        UsageError: the URL is none, or it has no model, or not the one that was named.
    """
    benchmark = wanted.task.benchmark
    named = benchmark.model_name
    try:
        target = load_target(
            benchmark, wanted.url, named or "", RequestShape(), verify_tls=wanted.verify_tls
        )
    except ValueError as error:
        raise UsageError(f"{wanted.url} is no base URL; write http://host:port") from error
    models = await _models(target)
    if named is not None:
        if models and named not in models:
            raise UsageError(f"{wanted.url} has no model {named}; it has {', '.join(models)}")
        model = named
    elif models:
        model = next(iter(models))
    else:
        raise UsageError(f"{target.base_url}/v1/models names no model; give one with --model")
    # vLLM, SGLang and llama.cpp say that they own the model, by the names that engines have here.
    engine = ENGINES.get(models.get(model, ""))
    shape = engine.requests if engine else RequestShape()
    return load_target(benchmark, wanted.url, model, shape, verify_tls=wanted.verify_tls)


async def _models(target: Target) -> dict[str, str]:
    """Return the server's models, and who each is owned by; empty where it does not say.

    Raises:
        HostError: it cannot be reached, or lets nobody in without another key.
        UsageError: the URL is none.
    """
    headers = target.headers()
    try:
        async with httpx.AsyncClient(
            verify=tls_context(target.verify_tls),
            timeout=ASK_TIMEOUT,
            trust_env=False,  # the requests that are timed know no proxy either
        ) as client:
            reply = await client.get(f"{target.base_url}/v1/models", headers=headers)
    except httpx.InvalidURL as error:
        raise UsageError(f"{target.base_url} is no base URL: {error}") from None
    except httpx.HTTPError as error:
        raise HostError(f"{target.base_url} does not answer: {_why(error)}") from None
    said: Any = None
    with suppress(ValueError):
        said = reply.json()
    if reply.status_code == 401:
        named = target.api_key_variable
        wants = f"does not take the key in ${named}" if named else "wants an API key"
        advice = "" if named else "; name the variable that holds it with --api-key-variable"
        reason = error_message(said, reply.content)
        raise HostError(f"{target.base_url} {wants} ({reason}){advice}")
    try:
        listed = said["data"] if reply.status_code == 200 else []
        return {str(model["id"]): str(model.get("owned_by")) for model in listed}
    except (KeyError, TypeError):
        return {}


def _why(error: httpx.HTTPError) -> str:
    """Return why nothing was answered, and what to do about it."""
    if isinstance(error, httpx.TimeoutException):
        return f"nothing came within {ASK_TIMEOUT:g} s; is it still starting?"
    why = str(error) or "it hung up"
    if "CERTIFICATE_VERIFY_FAILED" in why:
        return f"{why}; name its authority's file in $SSL_CERT_FILE, or give --insecure"
    if "WRONG_VERSION_NUMBER" in why:
        return f"{why}; write http:// if it speaks no TLS"
    return f"{why}; is it up?"
