"""The search for the largest load: over made-up servers, and over a real one."""

from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import Distribution, RequestCounts, SubRound
from core.load import LevelPlan
from core.load.capacity import Capacity, CapacityPlan, find_capacity
from core.load.sweep import LoadSearch, holding
from core.task import Level, Scenario

SCENARIO = Scenario.model_validate("D(10,10)")


def searched(search: LoadSearch, border: float) -> list[float]:
    """Search a server that holds up to `border`; return what was tried."""
    tried: list[float] = []
    while (load := search.ask()) is not None:
        assert load not in tried
        tried.append(load)
        search.tell(load, holds=load <= border)
        assert len(tried) < 60
    return tried


@given(st.integers(1, 1000), st.integers(1, 4000), st.sampled_from([1, 7, 64, 1024]))
def test_the_border_is_found_wherever_it_is(first: int, most: int, border: int) -> None:
    search = LoadSearch(min(first, most), most, tolerance=0.05)
    tried = searched(search, border)
    assert all(load <= most and load == int(load) for load in tried)
    assert search.held is not None
    assert search.held <= border
    if search.broke is None:
        assert search.held == most
    else:
        assert search.broke > border
        assert search.broke <= max(search.held * 1.05, search.held + 1)


@given(st.floats(0.1, 100), st.floats(0.05, 5000))
def test_rates_are_bisected_as_closely_as_asked(first: float, border: float) -> None:
    search = LoadSearch(first, 10_000, tolerance=0.02, whole=False)
    searched(search, border)
    if search.held is None:
        assert border < first
    else:
        assert search.held <= border
        assert search.broke is not None
        assert search.broke <= search.held * 1.02


def test_few_loads_are_tried() -> None:
    assert len(searched(LoadSearch(8, 1024, tolerance=0.05), 100)) <= 10


def test_a_server_that_holds_nothing_is_told_apart() -> None:
    search = LoadSearch(64, 1024)
    assert searched(search, 0)[-1] == 1
    assert (search.held, search.broke) == (None, 1)


def sub_round(load: int, ttft: float, *, width: float = 0.0, steady: bool = True) -> SubRound:
    spread = Distribution(
        count=100,
        mean=ttft,
        std=0.1,
        min=ttft,
        max=ttft,
        percentiles=dict.fromkeys(("p50", "p75", "p90", "p95", "p99", "p99.9"), ttft),
        intervals={"p90": (ttft - width, ttft + width)} if width else {},
    )
    return SubRound(
        index=0,
        level=Level(scenario=SCENARIO, concurrency=load),
        started_at=0,
        duration=1,
        requests=RequestCounts(sent=100, completed=100),
        ttft=spread,
        tpot=None,
        itl=None,
        e2e_latency=None,
        prompt_tokens=None,
        output_tokens=None,
        request_throughput=load,
        input_throughput=load,
        output_throughput=load,
        steady=steady,
    )


@pytest.mark.parametrize(
    ("ttft", "width", "steady", "verdict"),
    [
        (0.5, 0.1, True, "holds"),
        (1.5, 0.1, True, "breaks"),
        (0.95, 0.1, True, "unclear"),
        (1.05, 0.1, True, "unclear"),
        (0.5, 0.0, True, "unclear"),
        (0.5, 0.1, False, "breaks"),
    ],
)
def test_intervals_decide_not_figures(
    ttft: float, width: float, steady: bool, verdict: str
) -> None:
    assert holding(sub_round(1, ttft, width=width, steady=steady), {"ttft_p90": 1.0}) == verdict


def test_what_could_not_be_measured_does_not_hold() -> None:
    assert holding(sub_round(1, 0.5, width=0.1), {"tpot_p90": 1.0}) == "breaks"


async def found(width_at: float) -> tuple[list[LevelPlan], Capacity]:
    """Search a server whose TTFT grows by 10 ms with each request under way."""
    asked: list[LevelPlan] = []

    async def measure(plan: LevelPlan) -> AsyncGenerator[SubRound, None]:
        asked.append(plan)
        load = plan.level.concurrency
        assert load is not None
        width = width_at / plan.requests**0.5
        yield sub_round(load, load * 0.01, width=width)

    level = LevelPlan(
        index=0,
        level=Level(scenario=SCENARIO, concurrency=1),
        requests=50,
        max_seconds=10,
        thresholds={"ttft_p90": 0.505},
    )
    plan = CapacityPlan(scenario=SCENARIO, first=4, most=512, level=level)
    said = [each async for each in find_capacity(plan, measure)]
    assert isinstance(said[-1], Capacity)
    return asked, said[-1]


async def test_the_capacity_is_the_last_load_that_holds() -> None:
    asked, capacity = await found(width_at=0.001)
    assert capacity.load is not None
    assert capacity.broke is not None
    assert capacity.load <= 50 < capacity.broke
    assert capacity.broke <= capacity.load * 1.05
    assert capacity.certain
    assert capacity.best is not None
    assert capacity.best.level.concurrency == capacity.load
    assert [plan.index for plan in asked] == list(range(len(asked)))
    assert all(plan.requests >= 4 * (plan.level.concurrency or 0) for plan in asked)


async def test_a_level_that_settles_nothing_is_measured_again_for_longer() -> None:
    asked, capacity = await found(width_at=0.5)
    repeated = [plan for plan in asked if plan.level == asked[-1].level]
    assert len(repeated) == 3
    assert [plan.requests / repeated[0].requests for plan in repeated] == [1, 2, 4]
    assert not capacity.certain
    assert capacity.load is not None
    assert capacity.load <= 50
