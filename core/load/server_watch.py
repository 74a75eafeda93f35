"""Looks at a server's page of metrics while it is measured, and empties its prefix cache before.

Runs beside the measurement and never in the process that keeps time. A server that does not answer
costs a look, never the measurement.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import httpx

from core.engines.metric_names import MetricNames
from core.load.server_metrics import Snapshot, read_page

_EVERY = 1.0
"""Seconds between two looks."""
_PATIENCE = 5.0
"""Seconds that one look may take."""
_RESET_TRIES = 4
"""A cache is not emptied while requests run, and those of the level before may still end."""


def client_for(url: str, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    """Return a client for questions beside the load: no proxy, no kept connections."""
    return httpx.AsyncClient(
        base_url=url,
        headers=headers,
        trust_env=False,
        timeout=_PATIENCE,
        limits=httpx.Limits(max_keepalive_connections=0),
    )


async def reset_cache(
    url: str, paths: Sequence[str], headers: Mapping[str, str] | None = None
) -> bool:
    """Empty the prefix cache by the first of `paths` that the server has; return whether it did."""
    async with client_for(url, headers) as client:
        for path in paths:
            for tried in range(_RESET_TRIES):
                try:
                    answer = await client.post(path)
                except httpx.HTTPError:
                    return False
                if answer.is_success:
                    return True
                if answer.status_code in {404, 405}:
                    break
                await asyncio.sleep(0.25 * 2**tried)
    return False


class ServerWatch:
    """Samples the page on entering, in the background meanwhile, and on leaving."""

    def __init__(
        self,
        url: str,
        path: str | None,
        names: MetricNames,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.seen: list[Snapshot] = []
        """Every look so far."""
        self._url, self._path, self._names = url, path, names
        self._headers = headers
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._path is not None:
            await self._look_once(self._path)
            self._watching = asyncio.create_task(self._watch(self._path))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        if self._path is not None and kind is None:
            await self._look_once(self._path)

    async def _look_once(self, path: str) -> None:
        async with client_for(self._url, self._headers) as client:
            await self._look(client, path)

    async def _watch(self, path: str) -> None:
        async with client_for(self._url, self._headers) as client:
            while True:
                await asyncio.sleep(_EVERY)
                await self._look(client, path)

    async def _look(self, client: httpx.AsyncClient, path: str) -> None:
        with contextlib.suppress(httpx.HTTPError):
            before = time.time()
            answer = await client.get(path)
            if answer.is_success:
                at = (before + time.time()) / 2
                self.seen.append(read_page(answer.text, self._names, at))
