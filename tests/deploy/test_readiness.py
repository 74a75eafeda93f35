"""A server is ready when it generates; one that cannot is given up for a reason."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus

import httpx
import pytest

from core.deploy import LocalServer, NotReadyError, Patience, first_token, readiness, until_ready
from core.events import FailureKind
from core.machine import identity
from tests.deploy.conftest import LaunchNasty

GENEROUS = Patience(silence=60.0, total=120.0)


async def until_up(server: LocalServer) -> None:
    """Wait until it has said all that it says at first: a loaded machine takes its time to that."""
    async with asyncio.timeout(60):
        while not server.ended.done() and "up\n" not in server.log.read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def failure_of(server: LocalServer, patience: Patience = GENEROUS) -> NotReadyError:
    await server.start()
    await until_up(server)
    with pytest.raises(NotReadyError) as caught:
        await until_ready(server, patience=patience)
    return caught.value


async def test_a_server_that_generates_is_ready(
    launch: LaunchNasty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_LOOK", 0.05)
    server = launch("--healthy-after", "1.5", "--say", "Loading weights:  50%")
    await server.start()
    said: list[str] = []
    assert await until_ready(server, patience=GENEROUS, say=said.append) == "nasty"
    assert said == ["loading weights, 50 %", "generating a first token"]


async def test_health_alone_is_not_enough(launch: LaunchNasty) -> None:
    server = launch("--tokens-after", "1000")
    error = await failure_of(server, Patience(silence=60.0, total=2.0))
    assert error.failure.kind is FailureKind.START_TIMEOUT
    assert "generating a first token" in error.failure.message


async def test_a_proxy_in_the_environment_is_not_asked(
    launch: LaunchNasty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    server = launch()
    await server.start()
    assert await until_ready(server, patience=GENEROUS) == "nasty"


async def test_a_server_that_ends_fails_at_once_and_its_log_says_why(launch: LaunchNasty) -> None:
    server = launch(
        "--healthy-after", "1000", "--exit-after", "0.2", "--exit-code", "1",
        "--say", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "--say", "Engine core initialization failed",
    )  # fmt: skip
    error = await failure_of(server, Patience(silence=1e6, total=1e6))
    assert error.failure.kind is FailureKind.OUT_OF_MEMORY
    assert "Tried to allocate" in error.failure.evidence


async def test_a_crash_without_a_word_is_a_crash(launch: LaunchNasty) -> None:
    server = launch("--healthy-after", "1000", "--exit-after", "0.1", "--crash")
    error = await failure_of(server)
    assert error.failure.kind is FailureKind.CRASHED
    assert "SIGSEGV" in error.failure.message


async def test_silence_ends_the_wait(launch: LaunchNasty) -> None:
    error = await failure_of(launch("--healthy-after", "1000"), Patience(silence=1.0, total=1e6))
    assert error.failure.kind is FailureKind.START_TIMEOUT
    assert "showed no life" in error.failure.message


async def test_a_server_that_talks_is_not_silent_yet_not_waited_for_without_end(
    launch: LaunchNasty,
) -> None:
    server = launch("--healthy-after", "1000", "--chatter", "0.05")
    error = await failure_of(server, Patience(silence=0.7, total=2.0))
    assert "not ready after" in error.failure.message


async def test_silent_work_is_no_silence(launch: LaunchNasty) -> None:
    server = launch("--healthy-after", "1000", "--say", "Capture cuda graph begin.")
    error = await failure_of(server, Patience(silence=0.7, total=2.0))
    assert "not ready after" in error.failure.message
    assert "capturing CUDA graphs" in error.failure.message


async def test_a_live_server_with_a_fatal_log_is_given_up_early(
    launch: LaunchNasty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_DOOMED_SILENCE", 0.5)
    server = launch("--healthy-after", "1000", "--say", "NCCL error: unhandled system error")
    error = await failure_of(server, Patience(silence=1e6, total=1e6))
    assert error.failure.kind is FailureKind.ENVIRONMENT


async def test_a_halted_server_is_named_and_given_up_early(
    launch: LaunchNasty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_DOOMED_SILENCE", 0.5)
    server = launch("--healthy-after", "1000", "--say", "Capture cuda graph begin.")
    await server.start()
    await until_up(server)
    assert identity.send(server.server, signal.SIGSTOP)
    said: list[str] = []
    with pytest.raises(NotReadyError) as caught:
        await until_ready(server, patience=Patience(silence=1e6, total=1e6), say=said.append)
    failure, pid = caught.value.failure, server.server.pid
    assert failure.kind is FailureKind.START_TIMEOUT
    assert failure.transient
    assert f"was halted; its last known work: capturing CUDA graphs; a signal halts PID {pid}" in (
        failure.message
    )
    assert any(f"`kill -CONT {pid}` lets it go on" in line for line in said)
    assert (await server.stop()).clean


async def test_a_wrong_model_name_is_a_refusal(
    launch: LaunchNasty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_token, "_LONGEST_PAUSE", 0.05)
    server = launch()
    await server.start()
    with pytest.raises(NotReadyError) as caught:
        await until_ready(server, patience=GENEROUS, model="another")
    assert caught.value.failure.kind is FailureKind.REQUEST_ERRORS
    assert "no such model" in caught.value.failure.evidence


async def test_a_log_that_was_deleted_ends_nothing(launch: LaunchNasty) -> None:
    server = launch("--healthy-after", "1")
    await server.start()
    server.log.unlink()
    assert await until_ready(server, patience=GENEROUS) == "nasty"


Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
async def clients() -> AsyncIterator[Callable[[Answer], httpx.AsyncClient]]:
    opened: list[httpx.AsyncClient] = []

    def client(answer: Answer) -> httpx.AsyncClient:
        opened.append(
            httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://server")
        )
        return opened[-1]

    yield client
    for each in opened:
        await each.aclose()


async def test_a_server_that_only_chats_is_asked_to_chat(
    clients: Callable[[Answer], httpx.AsyncClient],
) -> None:
    def chat_only(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/completions":
            return httpx.Response(HTTPStatus.NOT_FOUND)
        assert json.loads(request.content)["messages"]
        return httpx.Response(200, json={"choices": [{"message": {"content": "Hi"}}]})

    await asyncio.wait_for(first_token.until_generating(clients(chat_only), "m"), 60)


async def test_without_a_health_page_a_refusal_may_mean_not_yet(
    clients: Callable[[Answer], httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_token, "_LONGEST_PAUSE", 0.01)
    asked = 0

    def late(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked < 20:
            return httpx.Response(HTTPStatus.NOT_FOUND)
        return httpx.Response(200, json={"choices": [{"text": "a"}]})

    client = clients(late)
    assert not await first_token.until_healthy(client, "/health")
    with pytest.raises(NotReadyError):
        await first_token.until_generating(client, "m")
    await asyncio.wait_for(first_token.until_generating(client, "m", patient=True), 60)


async def test_a_token_without_text_is_a_token(
    clients: Callable[[Answer], httpx.AsyncClient],
) -> None:
    answer = {"choices": [{"text": ""}], "usage": {"completion_tokens": 1}}
    client = clients(lambda _: httpx.Response(200, json=answer))
    await asyncio.wait_for(first_token.until_generating(client, "m"), 60)


async def test_a_server_that_lists_no_models_is_asked_for_the_default(
    clients: Callable[[Answer], httpx.AsyncClient],
) -> None:
    for answer in (httpx.Response(404), httpx.Response(200, json={"data": []})):
        assert await first_token.model_name(clients(lambda _, a=answer: a)) == "default"
