"""Has a server generate one token: the only proof that it serves."""

import asyncio
import contextlib
import time
from typing import Any

import httpx

from core.errors import AutotunerError
from core.events import Failure, FailureKind

_HEALTH_SECONDS = 5.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two health checks: a twentieth of the time waited so far, within these."""
_REFUSALS = 3
"""Refusals in a row after which asking again is pointless."""
_COMPLETION = {"prompt": "Hello", "max_tokens": 1, "temperature": 0}
_CHAT = {
    "messages": [{"role": "user", "content": "Hello"}],
    "max_tokens": 1,
    "temperature": 0,
}


class NotReadyError(AutotunerError):
    """A server that ended, hung or refused instead of getting ready. `failure` says why."""

    exit_code = 3

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


async def until_healthy(client: httpx.AsyncClient, path: str) -> bool:
    """Wait until the health page answers 200; return False if there is no such page (404)."""
    began = time.monotonic()
    while True:
        with contextlib.suppress(httpx.HTTPError):
            answer = await client.get(path, timeout=_HEALTH_SECONDS)
            if answer.status_code in {200, 404}:
                return answer.status_code == 200
        waited = time.monotonic() - began
        await asyncio.sleep(min(max(waited / 20, _SHORTEST_PAUSE), _LONGEST_PAUSE))


async def model_name(client: httpx.AsyncClient) -> str:
    """Return the first model that the server lists; `default` if it lists none."""
    try:
        answer = await client.get("/v1/models", timeout=_HEALTH_SECONDS)
        return str(answer.json()["data"][0]["id"])
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return "default"


async def until_generating(client: httpx.AsyncClient, model: str, *, patient: bool = False) -> None:
    """Wait until the server answers a request with a token.

    The request itself has no time limit: the first one may compile kernels for minutes.

    Args:
        client: set to the server's URL.
        model: the name to ask for.
        patient: whether a refusal may mean that the server is not up yet.

    Raises:
        NotReadyError: it refuses such requests.
    """
    refusals = 0
    while True:
        try:
            refusal = await _ask(client, model)
        except (httpx.HTTPError, ValueError):
            refusals = 0
        else:
            if refusal is None:
                return
            refusals += 1 if refusal else -refusals
            if refusals == _REFUSALS and not patient:
                raise NotReadyError(_refused(refusal))
        await asyncio.sleep(_LONGEST_PAUSE)


async def _ask(client: httpx.AsyncClient, model: str) -> str | None:
    """Return None for a token, "" for an answer without one, else why the request was refused."""
    answer = await client.post("/v1/completions", json={"model": model, **_COMPLETION})
    if answer.is_client_error:  # perhaps a server that only chats
        chat = await client.post("/v1/chat/completions", json={"model": model, **_CHAT})
        if answer.status_code == 404 or chat.is_success:
            answer = chat
    if answer.is_client_error:
        return f"HTTP {answer.status_code}: {' '.join(answer.text.split())[:300]}"
    return None if answer.is_success and _has_token(answer.json()) else ""


def _has_token(answer: Any) -> bool:
    """Return whether an answer brought a token, even one that stands for no text."""
    if not isinstance(answer, dict):
        return False
    usage = answer.get("usage") or {}
    choices = answer.get("choices") or [{}]
    message = choices[0].get("message") or {}
    texts = (choices[0].get("text"), message.get("content"), message.get("reasoning_content"))
    return bool(usage.get("completion_tokens")) or any(texts)


def _refused(refusal: str) -> Failure:
    return Failure(
        kind=FailureKind.REQUEST_ERRORS,
        message="the server is up, but refuses to generate a token",
        evidence=refusal,
        advice="check the model's name and the API key that requests are sent with",
    )
