"""The largest load that meets the SLO, found by measuring."""

from collections.abc import AsyncGenerator, Callable
from typing import Literal, TypeAlias

from pydantic import Field

from core.events import SubRound
from core.load.plan import LevelPlan, Progress, RequestTable
from core.load.sweep import LoadSearch, holding, kept_on_the_face_of_it
from core.task import Frozen, Level, Scenario

Measure: TypeAlias = Callable[[LevelPlan], AsyncGenerator[Progress | RequestTable | SubRound, None]]
"""Measures one level, as `LoadWorker.measure` does for a target."""


class CapacityPlan(Frozen):
    """What to look for, and how closely."""

    scenario: Scenario
    kind: Literal["concurrency", "request_rate"] = "concurrency"
    first: float = Field(default=8.0, gt=0)
    """The load to begin with."""
    most: float = Field(default=1024.0, gt=0)
    """No larger load is tried."""
    tolerance: float = Field(default=0.05, gt=0)
    """How close the border is found, as a share of the load."""
    repeats: int = Field(default=2, ge=0)
    """How often a level that does not settle the question is measured again, each time with twice
    the requests."""
    requests_per_stream: int = Field(default=4, ge=1)
    """In closed loop, fewest measured requests for each one under way."""
    level: LevelPlan
    """How each level is measured; its `level` and `requests` are replaced, its thresholds are the
    SLO."""


class Capacity(Frozen):
    """The largest load that meets the SLO."""

    load: float | None
    """None: not even the smallest load does."""
    broke: float | None
    """The smallest load that breaks the SLO; None: the largest that was tried holds it."""
    best: SubRound | None
    """What was measured at `load`; its goodput is the capacity in good requests per second."""
    certain: bool
    """Whether both ends of the border are known with 95 % confidence, not just by their figures."""
    client_bound: bool
    """Whether the search ended because the client could not give more load."""


async def find_capacity(
    plan: CapacityPlan, measure: Measure
) -> AsyncGenerator[Progress | RequestTable | SubRound | Capacity, None]:
    """Measure level after level; yield what each gives, and at last the capacity.

    Raises:
        MeasurementError: a level could not be measured.
    """
    search = LoadSearch(plan.first, plan.most, plan.tolerance, whole=plan.kind == "concurrency")
    held: dict[float, SubRound] = {}
    certain: dict[float, bool] = {}
    client_bound = False
    index = 0
    while not client_bound and (load := search.ask()) is not None:
        for repeat in range(plan.repeats + 1):
            async for said in measure(_level(plan, load, index, repeat)):
                yield said
            assert isinstance(said, SubRound), "a measurement ends with its sub-round"
            sub_round = said
            index += 1
            found = holding(sub_round, plan.level.thresholds)
            client_bound = sub_round.client is not None and sub_round.client.bound
            if found != "unclear" or client_bound:
                break
        if client_bound:
            break
        certain[load] = found != "unclear"
        holds = found == "holds" or (
            found == "unclear" and kept_on_the_face_of_it(sub_round, plan.level.thresholds)
        )
        search.tell(load, holds=holds)
        if holds:
            held[load] = sub_round
    ends = [load for load in (search.held, search.broke) if load is not None]
    yield Capacity(
        load=search.held,
        broke=search.broke,
        best=held.get(search.held) if search.held is not None else None,
        certain=all(certain[load] for load in ends),
        client_bound=client_bound,
    )


def _level(plan: CapacityPlan, load: float, index: int, repeat: int) -> LevelPlan:
    closed = plan.kind == "concurrency"
    level = Level(
        scenario=plan.scenario,
        concurrency=round(load) if closed else None,
        request_rate=None if closed else load,
    )
    fewest = round(load) * plan.requests_per_stream if closed else 0
    requests = max(plan.level.requests, fewest) * 2**repeat
    return plan.level.model_copy(update={"index": index, "level": level, "requests": requests})
