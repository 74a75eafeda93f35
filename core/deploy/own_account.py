"""Asks a running server for its version and the arguments it runs with."""

from collections.abc import Mapping
from typing import Any

import httpx

from core.engines.engine import Engine
from core.engines.in_force import InForce

_PATIENCE = 10.0
"""Seconds that one page may take."""


async def in_force(url: str, engine: Engine, headers: Mapping[str, str] | None = None) -> InForce:
    """Return what the server says of itself; nothing where it does not answer."""
    pages: dict[str, Any] = {}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, trust_env=False, timeout=_PATIENCE
    ) as client:
        for path in engine.info_paths:
            try:
                answer = await client.get(path)
                if answer.is_success:
                    pages[path.partition("?")[0]] = answer.json()
            except (httpx.HTTPError, ValueError):
                continue
    return engine.own_account(pages)
