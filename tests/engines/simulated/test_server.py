"""The HTTP server as a real process: what it answers, to whomever."""

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import pairwise
from typing import Any, TypeAlias

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engines.signs import diagnose
from core.engines.simulated.engine import Simulated
from core.events import FailureKind
from tests.engines.simulated.conftest import Served

LaunchServer: TypeAlias = Callable[..., Served]
AskEndlessly: TypeAlias = Callable[[Served], socket.socket]


def raw(server: Served, *parts: bytes, pause: float = 0.0, half_close: bool = False) -> bytes:
    """Send bytes over a connection of their own and return all that comes until it is closed."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def post(path: str, fields: dict[str, Any], *headers: str, keep: bool = False) -> bytes:
    body = json.dumps(fields).encode()
    lines = [f"POST {path} HTTP/1.1", "host: x", f"content-length: {len(body)}", *headers]
    if not keep:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode() + body


def completion(*headers: str, keep: bool = False, **fields: Any) -> bytes:
    body = {"prompt": "a b c", "max_tokens": 5, "ignore_eos": True, **fields}
    return post("/v1/completions", body, *headers, keep=keep)


SLOW = ("--model", "llama-3.1-8b", "--gpu", "L4", "--quantization", "fp8", "--speed", "60")
"""A server that takes a quarter of a minute for 30,000 tokens."""


@pytest.fixture
def ask_endlessly() -> Iterator[AskEndlessly]:
    """Connect and ask for an answer of 30,000 tokens; hang up with the test."""
    with ExitStack() as connections:

        def ask(server: Served) -> socket.socket:
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
            connections.enter_context(connection)
            connection.sendall(completion(max_tokens=30_000, stream=True))
            return connection

        yield ask


def metric(server: Served, name: str) -> float:
    page = httpx.get(f"{server.url}/metrics").text
    line = next(line for line in page.splitlines() if line.startswith(f"sglang:{name}{{"))
    return float(line.rpartition(" ")[2])


def wait_for(server: Served, name: str, value: float) -> None:
    deadline = time.monotonic() + 30
    while metric(server, name) != value:
        assert time.monotonic() < deadline, f"{name} never became {value}"
        time.sleep(0.02)


def test_a_completion(server: Served) -> None:
    answer = httpx.post(
        f"{server.url}/v1/completions", json={"prompt": "a b c", "max_tokens": 7}
    ).json()
    assert answer["object"] == "text_completion"
    assert answer["model"] == "tiny"
    assert answer["usage"]["prompt_tokens"] == 3
    assert answer["usage"]["completion_tokens"] == len(answer["choices"][0]["text"].split()) <= 7


def test_a_streamed_chat(server: Served) -> None:
    body = {
        "messages": [{"role": "user", "content": "hello"}],
        "max_completion_tokens": 20,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    with httpx.stream("POST", f"{server.url}/v1/chat/completions", json=body) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in response.iter_lines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines.pop() == "data: [DONE]"
    first, *chunks, usage = [json.loads(line[6:]) for line in lines]
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert len(chunks) == usage["usage"]["completion_tokens"] == 20
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"


def test_the_usage_adds_up_with_the_metrics(launch_server: LaunchServer) -> None:
    server = launch_server("--model", "tiny", "--speed", "50")
    usages = []
    with httpx.Client(base_url=server.url) as client:
        for length in (1, 2, 30):
            body = {"prompt": "w " * 40, "max_tokens": length, "ignore_eos": True}
            usages.append(client.post("/v1/completions", json=body).json()["usage"])
    assert [usage["completion_tokens"] for usage in usages] == [1, 2, 30]
    assert metric(server, "generation_tokens_total") == 33
    assert metric(server, "prompt_tokens_total") == 120
    assert metric(server, "num_requests_total") == 3
    assert metric(server, "cached_tokens_total") == 2 * 39
    assert metric(server, "num_running_reqs") == metric(server, "num_queue_reqs") == 0


def test_flushing_empties_the_radix_cache(launch_server: LaunchServer) -> None:
    server = launch_server("--model", "tiny", "--speed", "50")
    for cached in (0, 0, 39):
        body = {"prompt": "w " * 40, "max_tokens": 2}
        httpx.post(f"{server.url}/v1/completions", json=body)
        assert metric(server, "cached_tokens_total") == cached
        if cached == 0 and metric(server, "num_requests_total") == 1:
            assert httpx.post(f"{server.url}/flush_cache").status_code == 200


def test_the_small_questions(server: Served) -> None:
    with httpx.Client(base_url=server.url) as client:
        assert client.get("/health").status_code == 200
        model = client.get("/v1/models").json()["data"][0]
        assert (model["id"], model["max_model_len"]) == ("tiny", 32768)
        info = client.get("/get_server_info").json()
        assert (info["gpu"], info["chunked_prefill_size"], info["simulated"]) == ("L4", 2048, True)
        counts = [
            client.post("/tokenize", json=body).json()["count"]
            for body in ({"prompt": "a b c"}, {"content": "a b c"})
        ]
        assert counts == [3, 3]
        tokens = client.post("/tokenize", json={"prompt": "a b"}).json()["tokens"]
        body = {"prompt": tokens, "max_tokens": 1}
        assert client.post("/v1/completions", json=body).json()["usage"]["prompt_tokens"] == 2


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nowhere", b"", 404),
        ("GET", "/v1/completions", b"", 405),
        ("POST", "/v1/completions", b"", 400),
        ("POST", "/v1/completions", b"[]", 400),
        ("POST", "/v1/completions", b'{"prompt": "a", "max_tokens": -1}', 400),
        ("POST", "/v1/completions", b'{"prompt": "a", "max_tokens": 40000}', 400),
        ("POST", "/v1/completions", b'{"prompt": "\\ud800 b"}', 200),
        ("POST", "/v1/completions", b"\xff\xfe", 400),
        ("POST", "/v1/completions", b"[" * 100_000, 400),
        ("POST", "/v1/chat/completions", b'{"messages": "hi"}', 400),
        ("POST", "/tokenize", b"{}", 400),
    ],
)
def test_every_question_has_its_status(
    server: Served, method: str, path: str, body: bytes, status: int
) -> None:
    response = httpx.request(method, f"{server.url}{path}", content=body)
    assert response.status_code == status
    if status != 200:
        assert response.json()["error"]["message"]


@settings(max_examples=60)
@given(st.binary(min_size=1, max_size=300))
def test_nonsense_ends_in_a_refusal_or_a_hang_up(server: Served, data: bytes) -> None:
    answer = raw(server, data, half_close=True)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert raw(server, b"GET /health HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")


@settings(max_examples=25)
@given(st.sets(st.integers(1, len(completion()) - 1), max_size=8))
def test_a_request_may_come_in_pieces(server: Served, cuts: set[int]) -> None:
    request = completion()
    parts = [request[a:b] for a, b in pairwise([0, *sorted(cuts), len(request)])]
    answer = raw(server, *parts, pause=0.001)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b'"completion_tokens":5' in answer


def test_requests_sent_ahead_are_answered_in_order(server: Served) -> None:
    ahead = completion(max_tokens=9, keep=True) + completion(max_tokens=1, keep=True)
    answer = raw(server, ahead + completion(max_tokens=4))
    found = [int(part.partition(b",")[0]) for part in answer.split(b'"completion_tokens":')[1:]]
    assert found == [9, 1, 4]


def test_a_connection_that_is_to_be_closed_takes_no_further_request(server: Served) -> None:
    assert raw(server, completion() + completion()).count(b"HTTP/1.1 200") == 1


def test_a_body_is_asked_for_when_the_client_waits(server: Served) -> None:
    answer = raw(server, completion("expect: 100-continue"))
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_an_endless_request_is_cut_off(server: Served) -> None:
    head = b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n"
    with pytest.raises(OSError, match=r"reset|Broken pipe"):
        raw(server, head, *[b"x" * 2**20] * 1000)


def test_an_old_client_gets_a_whole_answer_but_no_stream(server: Served) -> None:
    whole = completion().replace(b"HTTP/1.1", b"HTTP/1.0")
    stream = completion(stream=True).replace(b"HTTP/1.1", b"HTTP/1.0")
    assert b'"completion_tokens":5' in raw(server, whole)
    assert b"Streaming takes HTTP/1.1" in raw(server, stream)


def test_a_client_that_leaves_frees_its_place(
    launch_server: LaunchServer, ask_endlessly: AskEndlessly
) -> None:
    server = launch_server(*SLOW, "--max-running-requests", "1")
    running = ask_endlessly(server)
    assert running.recv(1000)
    waiting = ask_endlessly(server)
    wait_for(server, "num_queue_reqs", 1)
    waiting.close()
    wait_for(server, "num_queue_reqs", 0)
    running.close()
    wait_for(server, "num_running_reqs", 0)
    assert metric(server, "num_aborted_requests_total") == 2
    assert metric(server, "num_used_tokens") == 0
    assert raw(server, completion()).startswith(b"HTTP/1.1 200")


def test_a_full_queue_answers_503(launch_server: LaunchServer, ask_endlessly: AskEndlessly) -> None:
    server = launch_server(*SLOW, "--max-running-requests", "1", "--max-queued-requests", "1")
    for waiting in (0, 1):
        ask_endlessly(server)
        wait_for(server, "num_running_reqs", 1)
        wait_for(server, "num_queue_reqs", waiting)
    assert raw(server, completion()).startswith(b"HTTP/1.1 503")


def test_data_parallel_replicas_share_the_load(
    launch_server: LaunchServer, ask_endlessly: AskEndlessly
) -> None:
    server = launch_server(*SLOW, "--dp-size", "2", "--max-running-requests", "1")
    for running in (1, 2):
        ask_endlessly(server)
        wait_for(server, "num_running_reqs", running)


def test_nothing_is_served_before_the_start_is_over(launch_server: LaunchServer) -> None:
    server = launch_server("--model", "tiny", "--speed", "0.5", ready=False)
    for path in ("/health", "/v1/models", "/metrics"):
        assert httpx.get(f"{server.url}{path}").status_code == 503
    server.process.send_signal(signal.SIGTERM)
    assert server.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_the_middle_of_an_answer(
    launch_server: LaunchServer, ask_endlessly: AskEndlessly, number: signal.Signals
) -> None:
    server = launch_server(*SLOW)
    client = ask_endlessly(server)
    assert client.recv(1000)
    server.process.send_signal(number)
    assert server.wait() == 0
    while client.recv(65536):
        pass


def why(server: Served, exit_code: int) -> FailureKind:
    return diagnose(server.log, Simulated.signs, exit_code, FailureKind.ENVIRONMENT).kind


def test_an_unknown_flag_ends_with_status_2(launch_server: LaunchServer) -> None:
    server = launch_server("--model", "tiny", "--bogus", ready=False)
    assert server.wait() == 2
    assert server.log[0].startswith("usage: python -m core.engines.simulated")
    assert why(server, 2) is FailureKind.BAD_FLAGS


def test_a_failed_start_ends_with_status_1(launch_server: LaunchServer) -> None:
    flags = ("--mem-fraction-static", "0.1", "--speed", "100")
    server = launch_server("--model", "llama-3.1-8b", *flags, ready=False)
    assert server.wait() == 1
    assert why(server, 1) is FailureKind.OUT_OF_MEMORY


def test_a_taken_port_ends_with_status_1(server: Served, launch_server: LaunchServer) -> None:
    second = launch_server("--model", "tiny", "--port", str(server.port), ready=False)
    assert second.wait() == 1
    assert why(second, 1) is FailureKind.ENVIRONMENT
    assert "port was taken" in diagnose(second.log, Simulated.signs, 1, FailureKind.CRASHED).message


def test_too_large_a_step_kills_it_and_the_log_says_so(launch_server: LaunchServer) -> None:
    flags = ("--gpu", "A100-40GB", "--mem-fraction-static", "0.94", "--speed", "50")
    large = ("--chunked-prefill-size", "16384")
    server = launch_server("--model", "llama-3.1-8b", *flags, *large)
    assert raw(server, completion()).startswith(b"HTTP/1.1 200")
    with suppress(ConnectionResetError):
        assert raw(server, completion(prompt="w " * 16_000)) == b""
    assert server.wait() == -signal.SIGKILL
    assert why(server, -signal.SIGKILL) is FailureKind.OUT_OF_MEMORY
