"""When a server is ready: its health page says so, and it has generated a token.

A health page alone proves little: servers answer it before they can serve, and after they no
longer can. Waiting ends at once when the server ends. It goes on while anything moves (the log,
processor time, memory) or while the log speaks of work that is known to be silent; a long silence
cuts it off, and so does an absolute limit. A server that a signal halts is soon given up.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from core.deploy import first_token
from core.deploy.first_token import NotReadyError
from core.deploy.post_mortem import read_log, why_ended
from core.deploy.progress import SignsOfLife, Stage, stage_of
from core.deploy.server import Server
from core.engines.signs import COMMON_SIGNS, Sign, diagnose
from core.events import Failure, FailureKind

_LOOK = 0.5
"""Seconds between two looks at the signs of life."""
_DOOMED_SILENCE = 30.0
"""Seconds of silence after which a server is given up whose log names a fatal error, or that a
signal halts."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server."""

    silence: float
    """Seconds since the last sign of life."""
    total: float
    """Seconds in all, whatever moves."""


async def until_ready(
    server: Server,
    *,
    patience: Patience,
    health_path: str = "/health",
    model: str | None = None,
    signs: tuple[Sign, ...] = COMMON_SIGNS,
    headers: Mapping[str, str] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> str:
    """Wait until the server has generated a token, and return the model's name in requests.

    Args:
        server: it, started.
        patience: how long to wait.
        health_path: answers 200 once the server is up; where there is no such page (404), the token
            alone decides.
        model: the name to ask for; None: the first one that the server lists.
        signs: what a line of its log gives away when it fails.
        headers: sent with every request, for instance the API key.
        say: is told what the server is doing, whenever that changes.

    Raises:
        NotReadyError: it ended, hung, or refuses to generate.
    """
    vigil = _Vigil(server, patience, signs, say)
    async with httpx.AsyncClient(
        base_url=server.url,
        headers=headers,
        trust_env=False,  # a proxy has no business between this process and its own server
        timeout=None,
        limits=httpx.Limits(max_keepalive_connections=0),
    ) as client:

        async def ask() -> str:
            healthy = await first_token.until_healthy(client, health_path)
            vigil.server_is_up()
            name = model or await first_token.model_name(client)
            await first_token.until_generating(client, name, patient=not healthy)
            return name

        asking = asyncio.create_task(ask())
        watching = asyncio.create_task(vigil.until_hopeless())
        try:
            racing: set[asyncio.Future[Any]] = {asking, watching, server.ended}
            await asyncio.wait(racing, return_when=asyncio.FIRST_COMPLETED)
            if server.ended.done():
                raise NotReadyError(await why_ended(server.log, signs, server.ended.result()))
            if watching.done():
                raise NotReadyError(watching.result())
            return asking.result()
        finally:
            asking.cancel()
            watching.cancel()
            await asyncio.gather(asking, watching, return_exceptions=True)


class _Vigil:
    """Watches a starting server: says what it does, and when there is no hope left."""

    def __init__(
        self,
        server: Server,
        patience: Patience,
        signs: tuple[Sign, ...],
        say: Callable[[str], None],
    ) -> None:
        self._server = server
        self._patience = patience
        self._signs = signs
        self._say = say
        self._stage = Stage("starting")
        self._read_bytes = 0
        self._halted = ""

    def server_is_up(self) -> None:
        """Take note that from here on only a token is waited for."""
        self._enter(Stage("generating a first token"))

    async def until_hopeless(self) -> Failure:
        """Return once there is no hope left, and why."""
        began = time.monotonic()
        life = SignsOfLife(began, await self._server.vital_signs())
        while True:
            await self._read_news()
            await asyncio.sleep(_LOOK)
            now = await self._server.vital_signs()
            at = time.monotonic()
            life.see(at, now, silent_work=self._stage.silent)
            if now.why_halted != self._halted:
                self._halted = now.why_halted
                self._say(self._halted or self._stage.name)
            if at - began > self._patience.total:
                return await self._why_not_ready(f"was not ready after {at - began:.0f} s")
            if life.silence > self._patience.silence:
                return await self._why_not_ready(f"showed no life for {life.silence:.0f} s")
            if life.silence > _DOOMED_SILENCE:
                if self._halted:
                    return await self._why_not_ready("was halted")
                failure = await self._diagnosis()
                if failure.kind is not FailureKind.START_TIMEOUT:
                    return failure

    async def _why_not_ready(self, what: str) -> Failure:
        failure = await self._diagnosis()
        if failure.kind is not FailureKind.START_TIMEOUT:
            return failure
        message = f"the server {what}; its last known work: {self._stage.name}"
        if self._halted:
            message, advice = f"{message}; {self._halted}", "find out who halts it, then try again"
            return failure.model_copy(
                update={"message": message, "advice": advice, "transient": True}
            )
        advice = "read its log, or raise timeouts.start if it would have got there"
        return failure.model_copy(update={"message": message, "advice": advice})

    async def _diagnosis(self) -> Failure:
        text = await asyncio.to_thread(read_log, self._server.log)
        return diagnose(text.splitlines(), self._signs, None, FailureKind.START_TIMEOUT)

    async def _read_news(self) -> None:
        log = self._server.log
        news, self._read_bytes = await asyncio.to_thread(_read, log, self._read_bytes)
        stage = stage_of(news.splitlines())
        if stage is not None:
            self._enter(stage)

    def _enter(self, stage: Stage) -> None:
        if stage != self._stage:
            self._stage = stage
            self._say(stage.name)


def _read(log: Path, start: int) -> tuple[str, int]:
    """Return the log from `start`, all of it if it has become shorter than that, and its length."""
    try:
        with log.open("rb") as file:
            if start <= log.stat().st_size:
                file.seek(start)
            return file.read().decode("utf-8", "replace"), file.tell()
    except FileNotFoundError:
        return "", 0
