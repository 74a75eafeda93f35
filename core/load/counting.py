"""How many tokens the server itself counts in a prompt. Asked before anything is timed."""

from types import TracebackType
from typing import Any, Self

import httpx

from core.events import Failure, FailureKind
from core.load.plan import MeasurementError, Target
from core.load.requests import RequestWriter
from core.load.sse import error_message
from core.load.wire import tls_context

ATTEMPTS = 3
"""How often a count is asked for, until a server that fails (429, 5xx) is taken at its word."""


class TokenCounter:
    """Asks for token counts. Use as an asynchronous context manager."""

    def __init__(self, target: Target, *, timeout: float) -> None:
        self._target = target
        self._writer = RequestWriter(target)
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            base_url=target.base_url,
            headers=target.headers(),
            verify=tls_context(target.verify_tls),
            timeout=timeout,
            trust_env=False,  # the requests that are timed know no proxy either
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def count(self, prompt: str) -> int:
        """Return the prompt's tokens by a request for a single token, its template included.

        Raises:
            MeasurementError: the server refuses, cannot be reached, or does not answer in time.
        """
        body = self._writer.body(prompt, 1) | {"stream": False}
        del body["stream_options"]
        said = await self._ask(self._writer.route, body)
        usage = said.get("usage")
        tokens = usage.get("prompt_tokens") if isinstance(usage, dict) else None
        if not isinstance(tokens, int):
            raise NoUsageError
        return tokens

    async def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            for _ in range(ATTEMPTS):
                reply = await self._client.post(path, json=body)
                if reply.status_code not in {429, *range(500, 600)}:
                    break
        except httpx.TimeoutException:
            raise MeasurementError(
                Failure(
                    kind=FailureKind.WARMUP_TIMEOUT,
                    message=f"the first request was not answered within {self._timeout:g} s",
                    advice="raise timeouts.warmup, or read the server's log",
                )
            ) from None
        except httpx.TransportError as error:
            raise MeasurementError(
                _failed(f"no answer from {self._target.base_url}: {str(error) or 'it hung up'}")
            ) from None
        try:
            said = reply.json()
        except ValueError:
            said = None
        if reply.status_code != 200:
            reason = error_message(said, reply.content)
            raise MeasurementError(
                _failed(f"the first request failed: http_{reply.status_code}: {reason}")
            )
        return said if isinstance(said, dict) else {}


class NoUsageError(Exception):
    """The server does not say how many tokens a prompt had."""


def _failed(message: str) -> Failure:
    return Failure(
        kind=FailureKind.REQUEST_ERRORS,
        message=message,
        advice="check that the server is up, and the model's name",
    )
