"""From the sub-rounds of one experiment to its verdict.

Every load level has to hold every SLO, so each SLO is judged by the level that kept it worst: a
mean over levels would let a light level pay for a broken one.

The score is the number older result files carry, so that figures compare:

    v       = (actual − threshold) / threshold          where that is above 0
    penalty = weight · exp(v / steepness)
    score   = base + Σ penalty · |base|                  lower is better

with base = mean E2E latency, TTFT or TPOT in seconds, or minus the total tokens per second and GPU,
each the plain mean over load levels.

Where the load is searched, each scenario has one level, the largest load that holds every SLO, and

    load    = that load: requests in flight, or per second, by GPU
    goodput = requests per second and GPU that held every SLO at that load

A scenario of which no load holds them makes the configuration infeasible.
"""

import math
from collections.abc import Sequence
from statistics import fmean

from core.events import Beside, SloVerdict, SubRound, Verdict
from core.task import Objective, Slo, SloTarget, maximised, objective_metric

LARGEST_PENALTY = 1e9
"""exp() of a violation stops here: beyond it every score is as bad, and no score is infinite."""


def objective_value(sub_rounds: Sequence[SubRound], objective: Objective) -> float | None:
    """Return the plain mean of the objective's metric over the levels, in its own unit.

    None when there is no level, or one of them could not measure it.
    """
    figures = [sub_round.metric(objective_metric(objective)) for sub_round in sub_rounds]
    known = [figure for figure in figures if figure is not None]
    return fmean(known) if known and len(known) == len(figures) else None


def judge(
    sub_rounds: Sequence[SubRound],
    slo: Slo,
    objective: Objective,
    *,
    levels: int,
    also: Sequence[Objective] = (),
) -> Verdict:
    """Return what the sub-rounds mean.

    Args:
        sub_rounds: those that were measured.
        levels: how many there should be; a missing one makes the verdict infeasible.
        also: the objectives after the first, where there are several.
    """
    verdicts = tuple(
        judge_slo(sub_rounds, metric, target, slo.steepness)
        for metric, target in slo.targets().items()
    )
    reasons = [explain(verdict) for verdict in verdicts if verdict.broken]
    if len(sub_rounds) < levels:
        reasons.append(f"{levels - len(sub_rounds)} of {levels} load levels were not measured")
    unfound = [reason for s in sub_rounds if (reason := _no_load(s))]
    reasons += unfound
    value = objective_value(sub_rounds, objective)
    others = tuple(Beside(objective=o, value=objective_value(sub_rounds, o)) for o in also)
    if sub_rounds and not unfound:
        reasons += [
            f"{objective_metric(name)} could not be measured"
            for name, figure in [(objective, value), *((o.objective, o.value) for o in others)]
            if figure is None
        ]
    return Verdict(
        slos=verdicts,
        feasible=not reasons and value is not None,
        objective=objective,
        value=value,
        also=others,
        score=None if value is None else score(value, objective, verdicts),
        violation=sum(verdict.violation for verdict in verdicts),
        reasons=tuple(reasons),
    )


def _no_load(sub_round: SubRound) -> str:
    """Return that no load was found to hold the SLOs; empty where one was, or none was sought."""
    found = sub_round.found
    if found is None or found.load is not None:
        return ""
    kind = "requests in flight" if found.over == "concurrency" else "requests per second"
    if found.given_up:
        return f"the SLOs do not hold at {found.broke:g} {kind}, as they do for the best so far"
    if found.client_bound:
        return "the load generator could not give enough load to tell which load holds the SLOs"
    return f"the SLOs do not hold even at {found.broke:g} {kind}"


def judge_slo(
    sub_rounds: Sequence[SubRound], metric: str, target: SloTarget, steepness: float
) -> SloVerdict:
    """Return how one SLO fared at the level that kept it worst."""
    figures = [(sub_round.metric(metric), sub_round.index) for sub_round in sub_rounds]
    measured = [(figure, index) for figure, index in figures if figure is not None]
    actual, index = max(measured, default=(None, None))
    violation = 0.0 if actual is None else max(0.0, actual / target.threshold - 1.0)
    unmeasured = len(measured) < len(figures) or not figures
    return SloVerdict(
        metric=metric,
        threshold=target.threshold,
        actual=actual,
        sub_round=index,
        violation=violation,
        penalty=_penalty(violation, target.weight, steepness),
        hard=target.hard_fail,
        broken=target.hard_fail and (unmeasured or violation > target.fail_ratio),
    )


def _penalty(violation: float, weight: float, steepness: float) -> float:
    if violation == 0.0:
        return 0.0
    return weight * math.exp(min(violation / steepness, math.log(LARGEST_PENALTY)))


def score(value: float, objective: Objective, slos: Sequence[SloVerdict]) -> float:
    """Return the score of an objective value under the penalties of its SLOs; lower is better."""
    base = -value if maximised(objective) else value
    return base + sum(slo.penalty for slo in slos) * abs(base)


def explain(slo: SloVerdict) -> str:
    """Return one SLO in words: `e2e_latency_p90 8.7 s, 34 % over 6.5 s`."""
    if slo.actual is None:
        return f"{slo.metric} could not be measured"
    if slo.violation == 0.0:
        spare = 1.0 - slo.actual / slo.threshold
        return f"{slo.metric} {slo.actual:.4g} s, {spare:.0%} below {slo.threshold:g} s"
    return f"{slo.metric} {slo.actual:.4g} s, {slo.violation:.0%} over {slo.threshold:g} s"
