"""Traps that other load generators are known to have stepped into, those not tested elsewhere."""

import numpy as np
import pytest

from core.events import SubRound
from core.load.conductor import Window
from core.load.datasets import Sample
from core.load.observations import Observations
from core.load.plan import LevelPlan
from core.load.sources import dataset_drafts
from core.load.statistics import describe
from core.load.summary import summarise
from core.task import Level, Scenario
from tests.load.fabricated import START, Call, Playback, observed

LEVEL = Level(scenario=Scenario.model_validate("D(100,10)"), concurrency=1)
PLAN = LevelPlan(index=0, level=LEVEL, requests=10, max_seconds=60, thresholds={"tpot_p90": 0.02})


def summary(calls: list[Call]) -> SubRound:
    end = max(call.end for call in calls) + 1
    window = Window(START, START + int(end * 1e9))
    return summarise(PLAN, observed(calls, end), window, started_at=0, stamped=True)


def test_time_per_output_token_leaves_the_first_token_out() -> None:
    """Others divide the whole latency by all tokens, and call that TPOT, too."""
    measured = summary([Call(due=0, ttft=5.0, itl=0.01, tokens=11)])
    assert measured.tpot is not None
    assert measured.tpot.mean == pytest.approx(0.01)
    assert measured.e2e_latency is not None
    assert measured.e2e_latency.mean == pytest.approx(5.1)


def test_the_slo_on_tokens_is_not_judged_by_chunks() -> None:
    """Chunks of four tokens come 40 ms apart: that is a TPOT of about 10 ms, which holds 20 ms."""
    measured = summary([Call(due=0, itl=0.04, tokens=41, per_chunk=4)])
    assert measured.itl is not None
    assert measured.itl.mean == pytest.approx(0.04, rel=0.01)
    assert measured.tpot is not None
    assert measured.tpot.mean == pytest.approx(0.01, rel=0.01)
    assert measured.attainment == 1


def test_the_last_chunk_ends_a_request_not_the_end_of_the_stream() -> None:
    measured = summary([Call(due=0)])
    assert measured.e2e_latency is not None
    assert measured.stream_end is not None
    assert measured.stream_end.mean >= measured.e2e_latency.mean


def test_the_spread_is_that_of_a_sample() -> None:
    """Dividing by n, not n − 1, makes ten requests look 5 % steadier than they are."""
    values = np.array([1.0, 2.0, 3.0, 4.0])
    found = describe(values)
    assert found is not None
    assert found.std == pytest.approx(values.std(ddof=1))


def test_the_99th_percentile_of_fifty_requests_is_not_said_to_be_known() -> None:
    found = describe(np.random.default_rng(1).random(50))
    assert found is not None
    assert "p99" in found.percentiles
    assert "p99" not in found.intervals
    assert "p50" in found.intervals


def test_a_dataset_that_is_used_up_begins_anew() -> None:
    """Two prompts serve a thousand requests; the run does not end in silence."""
    samples = [Sample("a"), Sample("b")]
    drafts = dataset_drafts(PLAN, samples, np.random.default_rng(1), part=0, parts=1)
    assert len([next(drafts) for _ in range(1000)]) == 1000


def test_a_failure_is_no_fast_answer() -> None:
    """A server that refuses half of its requests at once has no good median latency."""
    fast = [Call(due=n, ttft=0.01) for n in range(10)]
    refused = [Call(due=n + 0.5, ttft=0.001, ending=503) for n in range(12)]
    measured = summary(fast + refused)
    assert measured.ttft is not None
    assert measured.ttft.percentiles["p50"] == PLAN.request_timeout
    assert measured.attainment == pytest.approx(10 / 22)
    assert measured.goodput is not None
    assert measured.goodput < measured.request_throughput + 1e-9


def test_percentiles_are_of_all_requests_not_means_of_the_workers_percentiles() -> None:
    """Two workers, of which one had all the slow answers: half of all requests are slow."""
    seen = Observations(workers=2, began=START)
    for worker, ttft in enumerate((0.1, 1.0)):
        calls = [Call(due=n + worker / 2, ttft=ttft) for n in range(20)]
        seen.take(worker, Playback(calls).tally(-1, 30))
    window = Window(START, START + 25 * 10**9)
    measured = summarise(PLAN, seen, window, started_at=0, stamped=True)
    assert measured.ttft is not None
    assert measured.ttft.count == 40
    assert measured.ttft.percentiles["p50"] == pytest.approx(0.1)
    assert measured.ttft.percentiles["p75"] == pytest.approx(1.0)
    assert measured.ttft.mean == pytest.approx(0.55)
