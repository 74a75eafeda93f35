"""The largest load that meets the SLO, found by measuring.

A load holds or breaks by the 95 % intervals of what the SLOs bound. A level ends as soon as that is
certain; one that leaves it open is measured again, with more requests, and is judged by its figures
at last. The result says whether the border is certain.
"""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import Field

from core.events import FailureKind, LoadFound, Probe, SubRound
from core.load.plan import LevelPlan, MeasurementError, Progress, RequestTable
from core.load.sweep import (
    LONGEST_STEP,
    NEAR_STEP,
    Holding,
    LoadSearch,
    holding,
    kept_on_the_face_of_it,
)
from core.task import Frozen, Level, LoadSearchRules, Scenario

Measure: TypeAlias = Callable[[LevelPlan], AsyncGenerator[Progress | RequestTable | SubRound, None]]
"""Measures one level, as `LoadWorker.measure` does for a target."""

PARDONED = 1
"""How often a load is measured again because the client was too slow for a moment."""


class CapacityPlan(Frozen):
    """What to look for, how closely, and where to begin."""

    scenario: Scenario
    rules: LoadSearchRules = LoadSearchRules()
    incumbent: float | None = Field(default=None, gt=0)
    """The largest load that another configuration holds. The search begins there, and is given up
    at once where it does not hold: then this configuration cannot win."""
    requests_per_stream: int = Field(default=4, ge=1)
    """In closed loop, fewest measured requests for each one under way."""
    max_seconds: float | None = Field(default=None, gt=0)
    """After so long no further load is tried; what was found by then is the result."""
    level: LevelPlan
    """How each level is measured; its `level` and `requests` are replaced, its thresholds are the
    SLO. The result gets its index."""

    @property
    def first(self) -> float:
        """The load to begin with."""
        return self.incumbent or self.rules.first


_TOO_MUCH = {FailureKind.REQUEST_ERRORS, FailureKind.WARMUP_TIMEOUT, FailureKind.MEASURE_TIMEOUT}
"""What a server that has too much to do fails with; while it lives, less may be borne."""


@dataclass
class _Trial:
    """A load, and what came of trying it."""

    load: float
    holding: Holding = "unclear"
    sub_round: SubRound | None = None
    table: RequestTable | None = None
    error: MeasurementError | None = None

    def holds(self, plan: CapacityPlan) -> bool:
        if self.holding != "unclear" or self.sub_round is None:
            return self.holding == "holds"
        return kept_on_the_face_of_it(self.sub_round, plan.level.thresholds)

    @property
    def client_bound(self) -> bool:
        client = self.sub_round.client if self.sub_round is not None else None
        return client is not None and client.bound

    async def run(self, plan: CapacityPlan, measure: Measure) -> AsyncGenerator[Progress, None]:
        """Measure the load until it is certain what holds, or for as often as may be."""
        unclear = bound = 0
        while unclear <= plan.rules.repeats and bound <= PARDONED:
            try:
                async with aclosing(measure(_level(plan, self.load, unclear))) as measuring:
                    async for said in measuring:
                        match said:
                            case Progress():
                                yield said
                            case RequestTable():
                                self.table = said
                            case SubRound():
                                self.sub_round = said
                                self.holding = holding(said, plan.level.thresholds)
            except MeasurementError as error:
                if error.failure.kind not in _TOO_MUCH:
                    raise
                self.error, self.holding, self.sub_round = error, "breaks", None
            if self.client_bound:
                bound += 1
            elif self.holding == "unclear":
                unclear += 1
            else:
                return


async def find_capacity(
    plan: CapacityPlan, measure: Measure, clock: Callable[[], float] = time.monotonic
) -> AsyncGenerator[Progress | Probe | RequestTable | SubRound, None]:
    """Measure load after load; yield progress, each load tried, and then the result.

    The sub-round that comes last is that of the largest load that holds the SLOs, or of the least
    that was tried where none does, with `found` in it; its requests come before it. A load at which
    too many requests fail does not hold. A probe whose client was too slow, twice, proves nothing
    and ends the search: the result then says so.

    Raises:
        MeasurementError: a load could not be measured for another reason than its size, or not even
            the least could be.
    """
    search = LoadSearch(
        plan.first,
        max(plan.rules.most, plan.first),
        plan.rules.tolerance,
        whole=plan.rules.over == "concurrency",
        step=LONGEST_STEP if plan.incumbent is None else NEAR_STEP,
    )
    trials: dict[float, _Trial] = {}
    probes: list[Probe] = []
    client_bound = given_up = False
    began = clock()
    while not given_up and (load := search.ask()) is not None:
        if probes and plan.max_seconds is not None and clock() - began > plan.max_seconds:
            break
        trial = trials[load] = _Trial(load)
        async with aclosing(trial.run(plan, measure)) as running:
            async for progress in running:
                yield progress
        client_bound = trial.client_bound
        if client_bound:
            break
        holds = trial.holds(plan)
        search.tell(load, holds=holds)
        probes.append(_probe(plan, trial, holds=holds))
        yield probes[-1]
        given_up = plan.incumbent is not None and len(probes) == 1 and not holds
    ends = [load for load in (search.held, search.broke) if load is not None]
    found = LoadFound(
        over=plan.rules.over,
        load=search.held,
        broke=search.broke,
        certain=search.ask() is None and all(trials[load].holding != "unclear" for load in ends),
        client_bound=client_bound,
        given_up=given_up,
        probes=tuple(probes),
    )
    shown = trials[min(trials) if search.held is None else search.held]
    if shown.sub_round is None:
        assert shown.error is not None
        raise shown.error
    if shown.table is not None:
        yield shown.table
    yield shown.sub_round.model_copy(update={"found": found})


def _probe(plan: CapacityPlan, trial: _Trial, *, holds: bool) -> Probe:
    certain = trial.holding != "unclear"
    sub_round = trial.sub_round
    if sub_round is None:
        assert trial.error is not None
        return Probe(load=trial.load, holds=holds, certain=certain, failure=str(trial.error))
    return Probe(
        load=trial.load,
        holds=holds,
        certain=certain,
        requests=sub_round.requests.sent,
        output_throughput=sub_round.output_throughput,
        goodput=sub_round.goodput,
        figures={metric: sub_round.metric(metric) for metric in plan.level.thresholds},
    )


def _level(plan: CapacityPlan, load: float, repeat: int) -> LevelPlan:
    closed = plan.rules.over == "concurrency"
    level = Level(
        scenario=plan.scenario,
        concurrency=round(load) if closed else None,
        request_rate=None if closed else load,
    )
    fewest = round(load) * plan.requests_per_stream if closed else 0
    requests = max(plan.level.requests, fewest) * 2**repeat
    return plan.level.model_copy(
        update={"level": level, "requests": requests, "settle_slos": True, "precision": None}
    )
