"""The pool of connections against servers that behave, and servers that do not."""

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from core.load.connections import Connections
from core.load.exchange import Exchange, Request
from core.load.ledger import Ledger
from core.load.plan import Target
from core.load.records import Ending
from core.load.requests import RequestWriter
from core.load.stamped import KERNEL_STAMPS, SO_TIMESTAMPNS, Poller, StampedConnection
from core.load.wire import Address
from tests.load.scripted import (
    DONE,
    END,
    HEAD,
    Asked,
    Do,
    ScriptedServer,
    Step,
    answer,
    framed,
    refusal,
    token,
    usage,
)

stamps = pytest.mark.parametrize("kernel_stamps", [True, False], ids=["kernel", "loop"])


@asynccontextmanager
async def pool(server: ScriptedServer, *, kernel_stamps: bool = True) -> AsyncIterator[Connections]:
    connections = Connections(Address(server.url), Ledger(), kernel_stamps=kernel_stamps)
    try:
        yield connections
    finally:
        connections.close()


def request(server: ScriptedServer, tokens: int = 3, prompt: str = " hello") -> Request:
    writer = RequestWriter(Target(base_url=server.url, model="m"))
    return Request(writer.wire(writer.body(prompt, tokens)), 1, tokens)


async def ask(connections: Connections, asked: Request) -> Exchange:
    over: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
    connections.send(asked, None, over.set_result)
    return await asyncio.wait_for(over, 30)


@stamps
async def test_one_connection_serves_request_after_request(kernel_stamps: bool) -> None:
    async with ScriptedServer() as server, pool(server, kernel_stamps=kernel_stamps) as connections:
        await connections.open(1)
        for _ in range(5):
            exchange = await ask(connections, request(server))
            assert exchange.ending == Ending.COMPLETED
            assert exchange.answer.output_tokens == 3
        assert server.connections == 1
        assert [asked.on_connection for asked in server.asked] == [0, 1, 2, 3, 4]


async def test_connections_are_open_before_anything_is_sent() -> None:
    async with ScriptedServer() as server, pool(server) as connections:
        await connections.open(8)
        await asyncio.gather(*(ask(connections, request(server)) for _ in range(8)))
        assert connections.opened == 8


@stamps
async def test_the_moments_of_an_answer_are_in_order_and_not_early(kernel_stamps: bool) -> None:
    written: list[int] = []

    def script(asked: Asked) -> Iterable[Step]:
        yield 0.02
        for _ in range(3):
            written.append(time.monotonic_ns())
            yield (HEAD if len(written) == 1 else b"") + framed(token())
            yield 0.02
        yield framed(DONE) + END

    async with (
        ScriptedServer(script) as server,
        pool(server, kernel_stamps=kernel_stamps) as connections,
    ):
        before = time.monotonic_ns()
        exchange = await ask(connections, request(server))
    assert before <= exchange.due <= exchange.sent < exchange.first
    assert written[0] <= exchange.first < written[1]
    assert written[2] <= exchange.last < exchange.end


@pytest.fixture
def stamping_kernel() -> Iterator[None]:
    """Keep a stamped socket open until its arrival times are true.

    The kernel turns them on in the background when the first socket asks for them. What comes
    earlier gets the time of its reading.
    """
    if not KERNEL_STAMPS:
        pytest.skip("the kernel gives no arrival times here")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        probe.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        for _ in range(1000):
            probe.sendto(b"?", probe.getsockname())
            time.sleep(0.005)
            late = time.time_ns()
            [(_, _, stamp)] = probe.recvmsg(1, 64)[1]
            seconds, nanoseconds = struct.unpack("qq", stamp)
            if seconds * 1_000_000_000 + nanoseconds < late:
                break
        else:
            pytest.skip("the kernel gives no arrival times here")
        yield


@pytest.mark.usefixtures("stamping_kernel")
async def test_a_reader_that_is_late_still_knows_when_the_bytes_came() -> None:
    async with ScriptedServer() as server, pool(server) as connections:
        late: list[int] = []

        def script(asked: Asked) -> Iterable[Step]:
            yield HEAD + framed(token("a", finish="stop")) + END
            time.sleep(0.2)  # nobody reads for a while: server and client share a thread
            late.append(time.monotonic_ns())

        server.script = script
        exchange = await ask(connections, request(server))
    assert exchange.first < late[0], "not when they were read, after the pause"
    assert exchange.first + exchange.first_lag > late[0]


@stamps
async def test_a_server_that_drops_its_connections_costs_no_request(kernel_stamps: bool) -> None:
    """llama-server's way: it promises keep-alive, answers, and closes a moment later."""

    def script(asked: Asked) -> Iterable[Step]:
        yield from answer(asked.tokens)
        yield 0.002
        yield Do.CLOSE

    async with (
        ScriptedServer(script) as server,
        pool(server, kernel_stamps=kernel_stamps) as connections,
    ):
        await connections.open(1)
        for _ in range(40):
            exchange = await ask(connections, request(server))
            assert exchange.ending == Ending.COMPLETED
        assert connections.single_use or connections.dropped <= 3
        assert len(server.asked) == 40


async def test_a_connection_closed_while_idle_is_replaced_silently() -> None:
    def script(asked: Asked) -> Iterable[Step]:
        yield from answer(asked.tokens)
        yield Do.CLOSE

    async with ScriptedServer(script) as server, pool(server) as connections:
        for _ in range(5):
            assert (await ask(connections, request(server))).ending == Ending.COMPLETED
            await asyncio.sleep(0.05)
        assert connections.dropped == 0
        assert not connections.single_use
        assert server.connections == 5


async def test_a_fresh_connection_that_is_lost_without_a_word_fails_its_request() -> None:
    async with ScriptedServer(lambda asked: [Do.CLOSE]) as server, pool(server) as connections:
        assert (await ask(connections, request(server))).ending == Ending.CONNECTION_RESET
        assert len(server.asked) == 1


@stamps
@pytest.mark.parametrize(
    ("script", "ending"),
    [
        (lambda asked: [HEAD, framed(token()), 0.01, Do.RESET], Ending.TRUNCATED),
        (lambda asked: [HEAD, framed(token()), Do.CLOSE], Ending.TRUNCATED),
        (lambda asked: [Do.RESET], Ending.CONNECTION_RESET),
        (lambda asked: [refusal(429, "slow down")], 429),
        (lambda asked: [b"garbage\r\n\r\n"], Ending.BAD_RESPONSE),
        (lambda asked: [HEAD, framed(DONE), END], Ending.NO_TOKENS),
    ],
)
async def test_a_broken_answer_ends_one_request_and_no_other(
    script: Callable[[Asked], list[Step]], ending: int, kernel_stamps: bool
) -> None:
    def mixed(asked: Asked) -> Iterable[Step]:
        return script(asked) if asked.number == 0 else answer(asked.tokens)

    async with (
        ScriptedServer(mixed) as server,
        pool(server, kernel_stamps=kernel_stamps) as connections,
    ):
        assert (await ask(connections, request(server))).ending == ending
        assert (await ask(connections, request(server))).ending == Ending.COMPLETED


async def test_nobody_listening_is_a_refused_connection() -> None:
    async with ScriptedServer() as server:
        pass
    async with pool(server) as connections:
        exchange = await ask(connections, request(server))
        assert exchange.ending == Ending.CONNECTION_REFUSED
        with pytest.raises(ConnectionRefusedError):
            await connections.open(1)


async def test_a_request_without_end_is_given_up() -> None:
    begun = asyncio.Event()

    def script(asked: Asked) -> Iterable[Step]:
        yield HEAD + framed(token())
        begun.set()
        yield Do.HANG

    async with ScriptedServer(script) as server, pool(server) as connections:
        asking = asyncio.create_task(ask(connections, request(server)))
        await begun.wait()
        connections.give_up(0)
        assert not asking.done()
        connections.give_up(time.monotonic_ns())
        assert (await asking).ending == Ending.TIMEOUT
        assert connections.in_flight() == []


@stamps
async def test_an_event_larger_than_any_buffer_holds_up_nothing(kernel_stamps: bool) -> None:
    """Clients that read lines up to a limit stall, or break off, at the first long one."""
    long = token("x" * 300_000)
    whole = HEAD + framed(token()) + framed(long) + framed(long) + framed(token())

    def script(asked: Asked) -> list[bytes]:
        return [whole, framed(usage(10, 4)) + framed(DONE) + END]

    async with (
        ScriptedServer(script) as server,
        pool(server, kernel_stamps=kernel_stamps) as connections,
    ):
        for _ in range(2):
            exchange = await ask(connections, request(server))
            assert exchange.ending == Ending.COMPLETED
            assert exchange.answer.chunks == 4
            assert exchange.answer.output_tokens == 4


@stamps
async def test_a_prompt_larger_than_the_socket_buffer_arrives_whole(kernel_stamps: bool) -> None:
    async with ScriptedServer() as server, pool(server, kernel_stamps=kernel_stamps) as connections:
        prompt = "x" * 20_000_000
        exchange = await ask(connections, request(server, prompt=prompt))
        assert exchange.ending == Ending.COMPLETED
        assert server.asked[0].body["prompt"] == prompt


async def test_what_is_under_way_is_known_and_is_dropped_on_closing() -> None:
    async with ScriptedServer(lambda asked: [Do.HANG]) as server:
        ended: list[Exchange] = []
        async with pool(server) as connections:
            await connections.open(2)
            connections.send(request(server), 123, ended.append)
            connections.send(request(server), 456, ended.append)
            assert sorted(connections.in_flight()) == [123, 456]
        connections.send(request(server), 789, ended.append)
        await asyncio.sleep(0.05)
        assert ended == []
        assert connections.in_flight() == []


@stamps
async def test_two_hundred_streams_at_once(kernel_stamps: bool) -> None:
    def script(asked: Asked) -> Iterable[Step]:
        return answer(asked.tokens, ttft=0.01, itl=0.001)

    async with (
        ScriptedServer(script) as server,
        pool(server, kernel_stamps=kernel_stamps) as connections,
    ):
        await connections.open(200)
        over = await asyncio.gather(
            *(ask(connections, request(server, tokens=1 + n % 20)) for n in range(200))
        )
        assert {exchange.ending for exchange in over} == {Ending.COMPLETED}
        assert [exchange.answer.chunks for exchange in over] == [1 + n % 20 for n in range(200)]


async def test_tls_is_spoken_and_checked_unless_told_otherwise() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(Path(__file__).with_name("self_signed.pem"))
    async with ScriptedServer(tls=context) as server:
        unchecked = Connections(Address(server.url, verify_tls=False), Ledger())
        exchange = await ask(unchecked, request(server, tokens=50))
        assert (exchange.ending, exchange.answer.chunks) == (Ending.COMPLETED, 50)
        assert not unchecked.stamped
        unchecked.close()
        checked = Connections(Address(server.url), ledger := Ledger())
        assert (await ask(checked, request(server))).ending == Ending.CONNECTION_REFUSED
        assert "certificate" in ledger.complaints["connection_refused"]
        checked.close()


@pytest.mark.skipif(not KERNEL_STAMPS, reason="needs the kernel's arrival times")
async def test_rounds_that_are_put_off_miss_no_bytes() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    got = bytearray()

    class Reader:
        def readable(self) -> None:
            got.extend(ours.recv(100))

    poller = Poller()
    poller.expect_gaps(20_000_000, 2_000_000_000, merged=False)
    poller.add(ours.fileno(), cast("StampedConnection", Reader()))
    with ours, theirs:
        for number in range(40):  # some find a round put off, and some the socket watched again
            theirs.send(b"x")
            async with asyncio.timeout(30):
                while len(got) <= number:  # noqa: ASYNC110  # each pass of the loop is a chance
                    await asyncio.sleep(0)
            await asyncio.sleep(0.02 if number % 10 == 9 else 0)
        poller.close()
    assert got == b"x" * 40
