"""The scheduler's bookkeeping: no page and no token is lost, whatever the flags and the load."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.simulated.arguments import parse_arguments, settle
from core.engines.simulated.memory import GpuMemoryError, plan_memory
from core.engines.simulated.request import Request
from core.engines.simulated.roofline import Roofline
from core.engines.simulated.scheduler import Scheduler

CAPACITY = 2048
"""Tokens of the KV cache: tight, so that requests wait, are evicted and are retracted."""


def scheduler(*flags: str, capacity: int = CAPACITY, running: int = 64, seed: int = 0) -> Scheduler:
    words = ["--model", "tiny", "--gpu", "H100-80GB", "--max-total-tokens", str(capacity), *flags]
    settings = settle(parse_arguments(words))
    return Scheduler(settings, plan_memory(settings), Roofline(settings), running, Random(seed))


def request(prompt: int, answer: int, *, limit: int | None = None, text: bytes = b"") -> Request:
    own = (text or b"text") * (prompt + answer)
    limit = answer if limit is None else limit
    return Request(arrival=0.0, text=own, prompt=prompt, answer=answer, limit=limit)


def play(played: Scheduler, *, until: float = 0.0) -> int:
    """Play to the end; return the number of steps."""
    now, steps = 0.0, 0
    while (step := played.advance(now, until)) is not None:
        assert step.end > now
        now, steps = step.end, steps + step.steps
    return steps


def held_pages(played: Scheduler) -> int:
    holders = [*played.running, *([played._partial] if played._partial else [])]
    return sum(holder.private for holder in holders)


def check_pages(played: Scheduler) -> None:
    cache = played.cache
    in_tree = cache.tree.pages if cache.tree else 0
    assert cache.free >= 0
    assert cache.free + in_tree + held_pages(played) == cache.capacity
    for running in played.running:
        tokens_cached = running.length - 1
        assert running.shared + running.private == -(-tokens_cached // cache.page_size)
    for waiting in played.waiting:
        assert (waiting.private, waiting.shared, waiting.node) == (0, 0, None)


FLAGS = st.fixed_dictionaries(
    {
        "--page-size": st.sampled_from(["1", "16", "64"]),
        "--chunked-prefill-size": st.sampled_from(["-1", "64", "256", "1024"]),
        "--schedule-policy": st.sampled_from(
            ["fcfs", "lpm", "lof", "shortest-prefill-first", "random"]
        ),
        "--schedule-conservativeness": st.sampled_from(["0.1", "1.0"]),
    },
    optional={"--enable-mixed-chunk": st.just(""), "--disable-radix-cache": st.just("")},
)
LOADS = st.lists(
    st.tuples(
        st.integers(1, 600),
        st.integers(1, 300),
        st.integers(0, 300),
        st.sampled_from([b"aaaa", b"bbbb"]),
    ),
    min_size=1,
    max_size=20,
)


@given(FLAGS, LOADS, st.integers(1, 8), st.sampled_from([0.0, 1.0, float("inf")]))
def test_every_request_gets_its_answer_and_every_page_comes_back(
    flags: Mapping[str, str],
    load: list[tuple[int, int, int, bytes]],
    running: int,
    until: float,
) -> None:
    words = [word for flag, value in flags.items() for word in (flag, value) if word]
    played = scheduler(*words, running=running)
    requests = [
        request(prompt, answer, limit=answer + spare, text=text)
        for prompt, answer, spare, text in load
    ]
    tokens = 0
    for one in requests:
        played.submit(one)
    now = 0.0
    while (step := played.advance(now, now + until)) is not None:
        assert now < step.first_end <= step.end
        assert len(played.running) <= running
        check_pages(played)
        tokens += len(step.prefilled) + step.steps * len(step.decoded)
        now = step.end
    assert played.idle
    assert tokens == sum(one.answer for one in requests)
    assert all(one.generated == one.answer for one in requests)
    assert all(0 < one.first_token_at <= one.finished_at for one in requests)
    assert played.cache.available == played.cache.capacity


@given(LOADS, st.integers(0, 40), st.data())
def test_an_aborted_request_leaves_no_page_behind(
    load: list[tuple[int, int, int, bytes]], steps: int, data: st.DataObject
) -> None:
    played = scheduler("--chunked-prefill-size", "256", "--enable-mixed-chunk")
    requests = [request(prompt, answer, text=text) for prompt, answer, _, text in load]
    for one in requests:
        played.submit(one)
    now = 0.0
    for _ in range(steps):
        if (step := played.advance(now)) is None:
            break
        now = step.end
    played.abort(data.draw(st.sampled_from(requests)))
    check_pages(played)
    play(played)
    assert played.idle
    assert played.cache.available == played.cache.capacity


def test_a_run_of_decode_steps_lasts_as_long_as_its_steps_one_by_one() -> None:
    ends: list[float] = []
    for until in (0.0, float("inf")):
        played = scheduler("--noise", "0")
        for prompt, answer in ((300, 40), (100, 90), (20, 200)):
            played.submit(request(prompt, answer))
        now = 0.0
        while (step := played.advance(now, until)) is not None:
            now = step.end
        ends.append(now)
    assert ends[0] == pytest.approx(ends[1], rel=1e-9)


def test_a_run_stops_at_the_first_step_that_reaches_the_moment() -> None:
    alone = scheduler("--noise", "0")
    played = scheduler("--noise", "0")
    for one in (alone, played):
        one.submit(request(10, 400))
        first = one.advance(0.0)
        assert first is not None
    moment = first.end + 0.01
    run = played.advance(first.end, moment)
    assert run is not None
    assert run.steps > 1
    now = first.end
    for _ in range(run.steps - 1):
        step = alone.advance(now)
        assert step is not None
        now = step.end
    assert now < moment <= run.end


def retractions(conservativeness: str) -> int:
    played = scheduler("--schedule-conservativeness", conservativeness)
    requests = [request(100, 700) for _ in range(6)]
    for one in requests:
        played.submit(one)
    play(played, until=float("inf"))
    assert all(one.generated == one.answer for one in requests)
    return sum(one.retractions for one in requests)


def test_a_daring_scheduler_retracts_more() -> None:
    assert retractions("0.01") > retractions("2") > 0


def test_a_long_prompt_is_prefilled_in_chunks_and_a_mixed_chunk_decodes_along() -> None:
    for mixed in ([], ["--enable-mixed-chunk"]):
        played = scheduler("--chunked-prefill-size", "256", *mixed)
        short, long = request(10, 100), request(1000, 10)
        played.submit(short)
        first = played.advance(0.0)
        assert first is not None
        played.submit(long)
        step = played.advance(first.end)
        assert step is not None
        assert step.prefilled == []
        assert step.computed == (255 if mixed else 256)
        assert step.decoded == ([short] if mixed else [])


@pytest.mark.parametrize(
    ("policy", "first"), [("fcfs", 0), ("lpm", 1), ("shortest-prefill-first", 1), ("lof", 2)]
)
def test_the_policy_orders_the_queue(policy: str, first: int) -> None:
    played = scheduler("--schedule-policy", policy, running=1)
    warm = request(300, 1, text=b"warm")
    played.submit(warm)
    step = played.advance(0.0)
    assert step is not None
    queue = [
        request(200, 5, text=b"cold"),
        request(350, 5, text=b"warm"),
        request(210, 9, text=b"cool"),
    ]
    for one in queue:
        played.submit(one)
    step = played.advance(step.end)
    assert step is not None
    assert step.prefilled == [queue[first]]


def test_a_common_beginning_is_computed_once() -> None:
    for radix, computed in ((True, 201), (False, 400)):
        played = scheduler(*([] if radix else ["--disable-radix-cache"]))
        tokens = 0
        for _ in range(2):
            played.submit(request(200, 2))
            now = 0.0
            while (step := played.advance(now)) is not None:
                now, tokens = step.end, tokens + step.computed
        assert tokens == computed


def test_a_step_that_needs_too_much_memory_kills_the_server() -> None:
    played = scheduler()
    played._memory = replace(played._memory, kv_cache=played._memory.total)
    played.submit(request(500, 5))
    with pytest.raises(GpuMemoryError, match=r"CUDA out of memory. Tried to allocate"):
        played.advance(0.0)


def test_the_same_seed_makes_the_same_noise() -> None:
    ends: list[Any] = []
    for seed in (1, 1, 2):
        played = scheduler("--noise", "0.05", seed=seed)
        played.submit(request(100, 50))
        now = 0.0
        while (step := played.advance(now)) is not None:
            now = step.end
        ends.append(now)
    assert ends[0] == ends[1] != ends[2]
