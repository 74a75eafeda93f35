"""Who is let in next: the order of the queue, and the room that running requests will need. Pure.

The rules and their constants are SGLang's. A request is let in when its prompt, its `max_tokens`
and a share of what the running ones may still generate fit the KV cache. That share falls as long
as all goes well; when it was too low, requests are retracted and it jumps up again.
"""

from collections.abc import Callable
from random import Random
from typing import TypeAlias

from core.engines.simulated.kv_cache import KvCache
from core.engines.simulated.request import Request

INITIAL_SHARE = 0.7
"""Share of its remaining `max_tokens` that a request is first expected to use."""
LOWEST_SHARE = 0.14
"""How far that share falls, as a share of its first value, ..."""
DECAY_STEPS = 600
"""... in so many decode steps."""
RETRACT_STEPS = 20
"""Decode steps for which retraction makes room."""
LONGEST_REST = 4096
"""Most new tokens that are expected of one request."""
LPM_LONGEST_QUEUE = 128
"""With a longer queue matching prefixes costs too much: `lpm` turns into `fcfs`."""

Ordering: TypeAlias = Callable[[list[Request]], None]
"""Puts a queue into order, in place."""


class ExpectedUse:
    """How much of their `max_tokens` the running requests are expected to use."""

    def __init__(self, conservativeness: float) -> None:
        self._first = min(INITIAL_SHARE * conservativeness, 1.0)
        self._lowest = self._first * LOWEST_SHARE
        self._share = self._first

    def tokens(self, running: list[Request]) -> float:
        """Return the tokens that the requests are expected to generate from here on."""
        return self._share * sum([rest(request) for request in running])

    def reset(self) -> None:
        """Begin anew: nothing runs."""
        self._share = self._first

    def decay(self, steps: int) -> None:
        """Expect less after decode steps that went well."""
        fall = (self._first - self._lowest) / DECAY_STEPS
        self._share = max(self._share - fall * steps, self._lowest)

    def learn(self, running: list[Request]) -> None:
        """Expect of the requests that outlived a retraction what they have used by now."""
        if running:
            likely = sum([request.generated + RETRACT_STEPS for request in running])
            self._share = min(1.0, likely / sum([request.limit for request in running]))


def rest(request: Request) -> int:
    """Return how many more tokens the request may generate, as far as room is kept for them."""
    return min(request.limit - request.generated, LONGEST_REST)


def ordering(policy: str, cache: KvCache, rng: Random) -> Ordering | None:
    """Return what a `--schedule-policy` does to the queue; None leaves it as it came."""

    def longest_prefix(queue: list[Request]) -> None:
        if cache.tree is not None and len(queue) <= LPM_LONGEST_QUEUE:
            queue.sort(key=lambda request: -cache.known(request))

    def longest_output(queue: list[Request]) -> None:
        queue.sort(key=lambda request: -request.limit)

    def shortest_prefill(queue: list[Request]) -> None:
        queue.sort(key=lambda request: request.length - cache.known(request))

    orderings: dict[str, Ordering | None] = {
        "fcfs": None,
        "lpm": longest_prefix,
        "lof": longest_output,
        "shortest-prefill-first": shortest_prefill,
        "random": rng.shuffle,
    }
    return orderings[policy]
