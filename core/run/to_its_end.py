"""Work that is carried to its end, whoever is cancelled meanwhile."""

import asyncio
from typing import Any


async def to_its_end(work: asyncio.Task[Any]) -> bool:
    """Wait until it is done; return whether the caller was cancelled meanwhile.

    Raises:
        Exception: what the work raised.
    """
    cancelled = False
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError:
            cancelled = True
    work.result()
    return cancelled
