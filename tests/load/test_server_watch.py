"""The simulated server's own page of metrics, watched and its cache emptied for real."""

from collections.abc import Iterator

import httpx
import pytest

from core.engines.metric_names import SIMULATED
from core.engines.simulated.startup import READY
from core.load.server_watch import ServerWatch, reset_cache
from tests.engines.simulated.conftest import launched


@pytest.fixture
def url() -> Iterator[str]:
    with launched("--model", "tiny", "--speed", "50", "--start-speed", "1000") as served:
        served.read_until(READY)
        yield served.url


async def ask(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        body = {"prompt": "a b " * 200, "max_tokens": 4, "ignore_eos": True}
        answer = await client.post("/v1/completions", json=body)
        answer.raise_for_status()


async def test_looks_come_as_long_as_it_is_entered(url: str) -> None:
    await ask(url)
    async with ServerWatch(url, "/metrics", SIMULATED) as watch:
        await ask(url)
    first, last = watch.seen[0], watch.seen[-1]
    assert last.output_tokens is not None
    assert first.output_tokens is not None
    assert last.output_tokens - first.output_tokens == 4
    assert last.cache_hits
    assert await reset_cache(url, ("/nowhere", "/flush_cache"))
    async with ServerWatch(url, "/metrics", SIMULATED) as after:
        await ask(url)
    assert after.seen[-1].cache_hits == last.cache_hits  # nothing was found in the cache


async def test_a_server_that_is_gone_costs_nothing_but_the_looks() -> None:
    gone = "http://127.0.0.1:9"
    async with ServerWatch(gone, "/metrics", SIMULATED) as watch:
        pass
    assert watch.seen == []
    assert not await reset_cache(gone, ("/flush_cache",))
    async with ServerWatch(gone, None, SIMULATED) as silent:
        pass
    assert silent.seen == []
