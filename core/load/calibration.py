"""The client's own error, before it measures anyone else's: streams that it answers itself.

A listener in the same process sends tokens at moments that it writes down, to connections of the
kind that will carry the load. What they make of it, against what was written down, is the floor
under every figure they will report.
"""

import asyncio
import socket
import time

import numpy as np

from core.events import ClientFloor
from core.load.connections import Connections
from core.load.exchange import Exchange, Request
from core.load.histogram import Floats
from core.load.ledger import Ledger
from core.load.wire import Address

STREAMS = 32
ROUNDS = 50
"""Tokens of each stream."""
PATIENCE = 5.0
"""Seconds for one round; a machine that takes longer has no floor to speak of."""

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_EVENT = (
    b'data: {"id":"cmpl-0","object":"text_completion","created":0,"model":"echo","choices":'
    b'[{"index":0,"text":" token","logprobs":null,"finish_reason":null}],"usage":null}\n\n'
)
_CHUNK = b"%x\r\n%b\r\n" % (len(_EVENT), _EVENT)


async def find_floor() -> ClientFloor | None:
    """Return what this process adds to latencies, and how many tokens it can read; None where the
    machine does not let it find out."""
    with socket.create_server(("127.0.0.1", 0), backlog=STREAMS) as listener:
        listener.settimeout(0)
        address = Address(f"http://127.0.0.1:{listener.getsockname()[1]}")
        connections = Connections(address, Ledger(), patient=False)
        try:
            async with asyncio.timeout(PATIENCE):
                return await _measure(connections, listener)
        except (OSError, TimeoutError):
            return None
        finally:
            connections.close()


async def _measure(connections: Connections, listener: socket.socket) -> ClientFloor:
    loop = asyncio.get_running_loop()
    await connections.open(STREAMS)
    peers = [(await loop.sock_accept(listener))[0] for _ in range(STREAMS)]
    try:
        for _ in peers:
            connections.send(Request(b"go", 0, ROUNDS), None, _ignore)
        for peer in peers:
            await loop.sock_recv(peer, 64)
        rounds = [await _round(connections, peers, first=number == 0) for number in range(ROUNDS)]
    finally:
        for peer in peers:
            peer.close()
    errors = np.array([error for error, _ in rounds])
    return ClientFloor(
        ttft=float(np.median(abs(errors[0]))),
        itl=float(np.quantile(abs(np.diff(errors, axis=0)), 0.99)),
        tokens_per_second=STREAMS / float(np.median([cpu for _, cpu in rounds])),
    )


async def _round(
    connections: Connections, peers: list[socket.socket], *, first: bool
) -> tuple[Floats, float]:
    """Send a token to every stream; return by how much each stamp is off, and the CPU it took to
    read them all, in seconds."""
    stamps = connections.ledger.stamps
    before = len(stamps)
    sent = []
    for peer in peers:
        sent.append(time.monotonic_ns())
        peer.send(_HEAD + _CHUNK if first else _CHUNK)
    cpu = time.process_time()
    while len(stamps) < before + len(peers):  # noqa: ASYNC110  # each pass of the loop is the work
        await asyncio.sleep(0)
    cpu = time.process_time() - cpu
    # They arrive in the order they were sent.
    return (np.sort(np.array(stamps[before:])) - np.array(sent)) / 1e9, cpu


def _ignore(exchange: Exchange) -> None:
    """Nothing follows on these exchanges."""
