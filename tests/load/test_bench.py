"""A measurement without a task, against a server that says who it is, or does not."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from core.errors import HostError, UsageError
from core.events import SubRound
from core.load.bench import BenchPlan, bench, find_target
from core.task import Task
from tests.load.scripted import Asked, ScriptedServer, answer


def plan(url: str, **benchmark: Any) -> BenchPlan:
    """A plan of two levels."""
    asked = {"traffic_scenarios": ["D(20,8)"], "num_concurrency": [1, 2]} | benchmark
    document = {
        "task_name": "bench",
        "model": {"id_or_path": "m"},
        "base_runtime": "custom",
        "benchmark": asked,
    }
    return BenchPlan(url=url, task=Task.model_validate(document))


@asynccontextmanager
async def models(
    said: Any, status: int = 200, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """A server that only lists its models."""
    content = said if isinstance(said, bytes) else json.dumps(said).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(content)))
            writer.write(content)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def raw(said: bytes) -> AsyncIterator[str]:
    """A server of some other kind: it greets, or resets the connection if it has no greeting."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not said:
            writer.transport.abort()
            return
        await reader.read(4096)  # whatever is left unread would reset the connection
        writer.write(said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def listed(owner: str) -> dict[str, Any]:
    return {"data": [{"id": "one", "owned_by": owner}, {"id": "two", "owned_by": "x"}]}


async def test_the_first_model_is_taken_and_its_engine_is_known_by_its_owner() -> None:
    async with models(listed("llamacpp")) as url:
        target = await find_target(plan(url + "/v1/"))
    assert target.base_url == url
    assert target.model == "one"
    assert target.extras == {"ignore_eos": True}


async def test_the_models_are_asked_for_as_the_load_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = Path(__file__).with_name("self_signed.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with models(listed("vllm"), tls=context) as url:
        assert (await find_target(plan(url))).model == "one"


async def test_a_stranger_is_asked_for_nothing_unusual() -> None:
    async with models(listed("openai")) as url:
        wanted = plan(url, model_name="two", additional_params={"temperature": 0})
        target = await find_target(wanted)
    assert (target.model, target.extras) == ("two", {"temperature": 0})


async def test_a_model_that_is_not_there_is_told_with_those_that_are() -> None:
    async with models(listed("x")) as url:
        with pytest.raises(UsageError, match="it has one, two"):
            await find_target(plan(url, model_name="three"))


@pytest.mark.parametrize("said", [b"<html>", {"data": []}, {"data": None}, {"models": []}])
async def test_a_server_that_names_no_model_needs_one_named(said: Any) -> None:
    async with models(said) as url:
        with pytest.raises(UsageError, match="--model"):
            await find_target(plan(url))
        assert (await find_target(plan(url, model_name="m"))).model == "m"


async def test_nobody_there_is_one_clear_line() -> None:
    async with models({}) as url:
        pass
    with pytest.raises(HostError, match="is it up"):
        await find_target(plan(url))


async def test_a_server_that_wants_a_key_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "wrong")
    async with models({"error": {"message": "who are you"}}, status=401) as url:
        with pytest.raises(HostError, match=r"API key \(who are you\); .* --api-key-variable"):
            await find_target(plan(url, model_name="m"))
        with pytest.raises(HostError, match=r"does not take the key in \$SOME_KEY \(who are you"):
            await find_target(plan(url, api_key_variable="SOME_KEY"))


async def test_a_certificate_of_nobodys_and_no_tls_at_all_are_told_apart() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(Path(__file__).with_name("self_signed.pem"))
    async with models({}, tls=context) as url:
        with pytest.raises(HostError, match="--insecure"):
            await find_target(plan(url))
    greeting = b"220 at your service\r\n"
    async with raw(greeting) as url:
        with pytest.raises(HostError, match="write http://"):
            await find_target(plan(url.replace("http:", "https:")))


async def test_a_server_that_takes_a_connection_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.load.bench.ASK_TIMEOUT", 0.2)
    silent = socket.create_server(("127.0.0.1", 0))
    said = r"nothing came within 0\.2 s; is it still starting"
    with silent, pytest.raises(HostError, match=said):
        await find_target(plan(f"http://127.0.0.1:{silent.getsockname()[1]}"))


async def test_a_server_that_hangs_up_is_said_to() -> None:
    async with raw(b"") as url:
        with pytest.raises(HostError, match=r"does not answer: \w.*; is it up"):
            await find_target(plan(url))


async def test_every_level_is_measured() -> None:
    def script(asked: Asked) -> Any:
        return answer(asked.tokens, ttft=0.01, itl=0.003, prompt=20)

    async with ScriptedServer(script) as server:
        wanted = plan(server.url, model_name="m", max_requests_per_iteration=6)
        results = [said async for said in bench(wanted) if isinstance(said, SubRound)]
    assert [result.level for result in results] == list(wanted.task.levels())
    assert [result.requests.completed for result in results] == [6, 8]
    assert json.loads(results[0].model_dump_json())["level"]["concurrency"] == 1
