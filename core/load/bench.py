"""A measurement without a task: what `autotuner bench URL` does.

It finds out which model the server has and which engine it is, and measures level after level.
"""

from collections.abc import AsyncGenerator
from typing import Any

import httpx
from pydantic import Field

from core.engines.engine import RequestShape
from core.engines.registry import ENGINES
from core.errors import HostError, UsageError
from core.events import SubRound
from core.load.measure import LoadWorker
from core.load.plan import Endpoint, LevelPlan, Progress, Target
from core.task import Frozen, Level

ASK_TIMEOUT = 10.0
"""Seconds for the server to say which models it has."""


class BenchPlan(Frozen):
    """What `autotuner bench` was asked for."""

    url: str
    levels: tuple[Level, ...]
    model: str | None = None
    """None: the server's first."""
    endpoint: Endpoint = "completions"
    requests: int = 50
    """Most measured requests at a level; never fewer than four for each one under way."""
    max_seconds: float = 600.0
    """Longest time for one level."""
    request_timeout: float = 600.0
    thresholds: dict[str, float] = Field(default_factory=dict)
    extras: dict[str, Any] = Field(default_factory=dict)
    """Fields laid over every request's body."""
    api_key_variable: str | None = None
    verify_tls: bool = True
    seed: int = 0


async def bench(wanted: BenchPlan) -> AsyncGenerator[Progress | SubRound, None]:
    """Measure every level in turn; yield progress, and each sub-round as it comes.

    Raises:
        HostError: the server cannot be reached.
        UsageError: it has no model, or not the one that was named.
        MeasurementError: a level could not be measured.
    """
    target = await find_target(wanted)
    async with LoadWorker() as worker:
        for index, level in enumerate(wanted.levels):
            async for said in worker.measure(target, level_plan(wanted, index, level)):
                if isinstance(said, Progress | SubRound):
                    yield said


def level_plan(wanted: BenchPlan, index: int, level: Level) -> LevelPlan:
    """Return how one level is measured."""
    return LevelPlan(
        index=index,
        level=level,
        requests=max(wanted.requests, 4 * (level.concurrency or 0)),
        max_seconds=wanted.max_seconds,
        warmup_seconds=wanted.max_seconds,
        request_timeout=wanted.request_timeout,
        seed=wanted.seed,
        thresholds=wanted.thresholds,
    )


async def find_target(wanted: BenchPlan) -> Target:
    """Return the server as a target, with the model it has.

    Raises:
        HostError: it cannot be reached.
        UsageError: it has no model, or not the one that was named.
    """
    target = Target(
        base_url=wanted.url,
        model=wanted.model or "",
        endpoint=wanted.endpoint,
        extras=wanted.extras,
        api_key_variable=wanted.api_key_variable,
        verify_tls=wanted.verify_tls,
    )
    models = await _models(target)
    if wanted.model is not None:
        if models and wanted.model not in models:
            raise UsageError(
                f"{wanted.url} has no model {wanted.model}; it has {', '.join(models)}"
            )
        model = wanted.model
    elif models:
        model = next(iter(models))
    else:
        raise UsageError(f"{wanted.url} names no model; give one with --model")
    # vLLM, SGLang and llama.cpp say that they own the model, by the names that engines have here.
    engine = ENGINES.get(models.get(model, ""))
    shape = engine.requests if engine else RequestShape()
    return target.model_copy(
        update={
            "model": model,
            "length_fields": shape.length_fields,
            "extras": shape.extras | wanted.extras,
        }
    )


async def _models(target: Target) -> dict[str, str]:
    """Return the server's models, and who each is owned by; empty where it does not say."""
    key = target.api_key()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        async with httpx.AsyncClient(verify=target.verify_tls, timeout=ASK_TIMEOUT) as client:
            reply = await client.get(f"{target.base_url}/v1/models", headers=headers)
        listed = reply.json()["data"] if reply.status_code == 200 else []
        return {str(model["id"]): str(model.get("owned_by")) for model in listed}
    except httpx.TransportError as error:
        raise HostError(f"{target.base_url} does not answer ({error}); is it up?") from None
    except (ValueError, KeyError, TypeError):
        return {}
