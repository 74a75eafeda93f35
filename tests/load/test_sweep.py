"""The search for the largest load: over made-up servers, and over a real one."""

import math
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import (
    ClientHealth,
    Distribution,
    Failure,
    FailureKind,
    LoadFound,
    Probe,
    RequestCounts,
    SubRound,
)
from core.load import CapacityPlan, LevelPlan, MeasurementError, RequestTable, find_capacity
from core.load.sweep import LoadSearch, decided, holding
from core.task import Level, LoadSearchRules, Scenario

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


def sub_round(load: float, ttft: float, *, width: float = 0.0, steady: bool = True) -> SubRound:
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
        level=Level(scenario=SCENARIO, concurrency=max(1, round(load))),
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
        (0.5, 0.1, False, "unclear"),
        (1.5, 0.1, False, "breaks"),
    ],
)
def test_intervals_decide_not_figures(
    ttft: float, width: float, steady: bool, verdict: str
) -> None:
    assert holding(sub_round(1, ttft, width=width, steady=steady), {"ttft_p90": 1.0}) == verdict


@pytest.mark.parametrize(
    ("known", "ends", "verdict"),
    [
        ("p50", (1.2, 1.4), "breaks"),
        ("p50", (0.2, 0.4), "unclear"),
        ("p99", (0.2, 0.4), "holds"),
        ("p99", (1.2, 1.4), "unclear"),
        ("mean", (1.2, 1.4), "unclear"),
    ],
)
def test_one_percentile_tells_of_another(
    known: str, ends: tuple[float, float], verdict: str
) -> None:
    spread = sub_round(1, 1.0).ttft
    assert spread is not None
    found = spread.model_copy(update={"intervals": {known: ends}})
    assert decided(found, "p90", 1.0) == verdict


def test_requests_that_pile_up_in_open_loop_break_every_bound() -> None:
    piling = sub_round(1, 0.5, width=0.1, steady=False)
    rate = Level(scenario=SCENARIO, request_rate=1)
    assert holding(piling.model_copy(update={"level": rate}), {"ttft_p90": 1.0}) == "breaks"


def test_what_could_not_be_measured_does_not_hold() -> None:
    assert holding(sub_round(1, 0.5, width=0.1), {"tpot_p90": 1.0}) == "breaks"


@dataclass
class Searched:
    """What was asked for in a search, and what came out."""

    asked: list[LevelPlan]
    probes: list[Probe]
    result: SubRound

    @property
    def found(self) -> LoadFound:
        assert self.result.found is not None
        return self.result.found


async def search(
    *,
    width_at: float = 0.001,
    border: float = 50.5,
    incumbent: float | None = None,
    refuses_above: float = math.inf,
    saturates_above: float = math.inf,
    hiccup_at: int | None = None,
    seconds: float | None = None,
    **rules: object,
) -> Searched:
    """Search a server whose TTFT grows by 10 ms with each request under way."""
    asked: list[LevelPlan] = []

    async def measure(plan: LevelPlan) -> AsyncGenerator[SubRound | RequestTable, None]:
        asked.append(plan)
        load = plan.level.concurrency or plan.level.request_rate
        assert load is not None
        if load > refuses_above:
            why = Failure(kind=FailureKind.REQUEST_ERRORS, message="9 of 9 requests failed")
            raise MeasurementError(why)
        yield RequestTable(index=plan.index, data=str(load).encode())
        measured = sub_round(load, load * 0.01, width=width_at / plan.requests**0.5)
        if load > saturates_above or len(asked) - 1 == hiccup_at:
            health = ClientHealth(cpu_share=1, loop_lag_p99=1, send_lag_p99=1, bound=True)
            measured = measured.model_copy(update={"client": health})
        yield measured.model_copy(update={"level": plan.level})

    level = LevelPlan(
        index=3,
        level=Level(scenario=SCENARIO, concurrency=1),
        requests=50,
        max_seconds=10,
        thresholds={"ttft_p90": border / 100},
    )
    wanted = LoadSearchRules.model_validate({"first": 4, "most": 512} | rules)
    plan = CapacityPlan(scenario=SCENARIO, rules=wanted, incumbent=incumbent, level=level)
    plan = plan.model_copy(update={"max_seconds": seconds})
    said = [each async for each in find_capacity(plan, measure, lambda: 10.0 * len(asked))]
    result, table = said[-1], said[-2]
    assert isinstance(result, SubRound)
    assert isinstance(table, RequestTable), "the requests come with the result"
    shown = result.level.concurrency or result.level.request_rate
    assert table.data == str(shown).encode(), "and are those of the load that is shown"
    return Searched(asked, [each for each in said if isinstance(each, Probe)], result)


async def test_the_capacity_is_the_last_load_that_holds() -> None:
    searched = await search()
    found = searched.found
    assert found.load is not None
    assert found.broke is not None
    assert found.load <= 50 < found.broke
    assert found.broke <= found.load * 1.05
    assert found.certain
    assert searched.result.level.concurrency == found.load
    assert found.probes == tuple(searched.probes)
    assert all(probe.holds == (probe.load <= 50) for probe in found.probes)
    assert all(plan.index == 3 for plan in searched.asked)
    assert all(plan.settle_slos for plan in searched.asked), "a probe ends once it is certain"
    assert all(plan.requests >= 4 * (plan.level.concurrency or 0) for plan in searched.asked)


async def test_a_rate_is_searched_in_open_loop() -> None:
    searched = await search(over="request_rate", first=1.5, tolerance=0.02)
    assert searched.found.over == "request_rate"
    assert searched.found.load == pytest.approx(50.5, rel=0.02)
    assert searched.result.level.request_rate == searched.found.load


async def test_a_level_that_settles_nothing_is_measured_again_for_longer() -> None:
    searched = await search(width_at=0.5)
    asked, found = searched.asked, searched.found
    repeated = [plan for plan in asked if plan.level == asked[-1].level]
    assert len(repeated) == 3
    assert [plan.requests / repeated[0].requests for plan in repeated] == [1, 2, 4]
    assert not found.certain
    assert found.load is not None
    assert found.load <= 50


async def test_a_search_is_given_up_at_once_where_the_incumbents_load_does_not_hold() -> None:
    searched = await search(incumbent=80)
    assert [plan.level.concurrency for plan in searched.asked] == [80]
    assert searched.found.given_up
    assert (searched.found.load, searched.found.broke) == (None, 80)


async def test_a_search_goes_on_from_the_incumbents_load_in_small_steps() -> None:
    searched = await search(incumbent=44)
    tried = [plan.level.concurrency for plan in searched.asked]
    assert tried[:2] == [44, 55]
    assert len(tried) < len((await search()).asked)
    assert searched.found.load is not None
    assert 48 <= searched.found.load <= 50


async def test_the_largest_load_that_may_be_tried_ends_the_search() -> None:
    found = (await search(most=30)).found
    assert (found.load, found.broke, found.certain) == (30, None, True)


async def test_where_no_load_holds_the_least_is_shown() -> None:
    searched = await search(border=0.5)
    assert searched.found.load is None
    assert searched.result.level.concurrency == searched.found.broke == 1
    assert searched.result.load_under_slo is None


async def test_a_load_that_the_server_refuses_does_not_hold() -> None:
    searched = await search(refuses_above=20)
    assert searched.found.load == 20
    assert searched.found.probes[-1].holds or searched.found.probes[-1].failure


async def test_a_server_that_refuses_every_load_is_an_error() -> None:
    with pytest.raises(MeasurementError, match="9 of 9"):
        await search(refuses_above=0)


async def test_a_client_that_cannot_give_the_load_ends_the_search_and_proves_nothing() -> None:
    searched = await search(saturates_above=16)
    assert searched.found.client_bound
    assert not searched.found.certain
    assert searched.found.load == 16
    assert searched.result.client is None, "the result is of a load that the client bore"
    assert all(probe.load <= 16 for probe in searched.found.probes)


async def test_a_search_ends_in_time_with_what_it_has_and_is_not_certain() -> None:
    searched = await search(seconds=25)
    assert [plan.level.concurrency for plan in searched.asked] == [4, 8, 16]
    assert searched.found.load == 16
    assert not searched.found.certain


async def test_a_search_without_time_still_tries_one_load() -> None:
    assert (await search(seconds=0.1)).found.load == 4


async def test_a_moment_in_which_the_client_was_slow_costs_a_probe_and_not_the_search() -> None:
    searched = await search(hiccup_at=1)
    assert [plan.level.concurrency for plan in searched.asked][:4] == [4, 8, 8, 16]
    assert not searched.found.client_bound
    assert searched.found.certain
