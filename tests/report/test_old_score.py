"""The older score, against figures that were worked out from its formula by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.report.old_score import old_score
from core.task import Objective, Slo
from tests.builders import sub_round

NO_SLO = Slo()


def slo(**fields: object) -> Slo:
    return Slo.model_validate(fields)


@pytest.mark.parametrize(
    ("objective", "score"),
    [
        ("minimize_latency", 2.0),
        ("maximize_throughput", -1500.0),
        ("minimize_ttft", 0.2),
        ("minimize_tpot", 0.02),
        ("maximize_goodput", None),
    ],
)
def test_without_slos_it_is_the_mean_over_the_levels(
    objective: Objective, score: float | None
) -> None:
    levels = [
        sub_round(0, e2e=1.0, ttft=0.1, tpot=0.01, throughput=1000),
        sub_round(1, e2e=3.0, ttft=0.3, tpot=0.03, throughput=2000),
    ]
    found = old_score(levels, NO_SLO, objective)
    assert found == (None if score is None else pytest.approx(score))


@pytest.mark.parametrize(
    ("over", "factor"), [(0.05, 4.30), (0.1, 6.44), (0.2, 15.78), (0.5, 297.8)]
)
def test_a_broken_soft_slo_multiplies_a_latency(over: float, factor: float) -> None:
    levels = [sub_round(e2e=1.0 + over)]
    found = old_score(
        levels, slo(latency={"p90": {"threshold": 1, "weight": 2}}), "minimize_latency"
    )
    assert found == pytest.approx((1 + over) * factor, rel=0.002)


def test_a_broken_soft_slo_turns_a_throughput_around() -> None:
    levels = [sub_round(e2e=1.1, throughput=1000)]
    bounds = slo(latency={"p90": {"threshold": 1, "weight": 2}})
    assert old_score(levels, bounds, "maximize_throughput") == pytest.approx(4436, rel=0.001)


def test_levels_that_break_a_hard_slo_are_left_out() -> None:
    hard = slo(latency={"p90": {"threshold": 6, "hard_fail": True, "fail_ratio": 0.2}})
    good = [sub_round(0, e2e=1.0), sub_round(1, e2e=2.0)]
    assert old_score([*good, sub_round(2, e2e=9.0)], hard, "minimize_latency") == 1.5
    assert old_score([sub_round(0, e2e=9.0)], hard, "minimize_latency") is None


def test_there_may_be_nothing_to_score() -> None:
    assert old_score([], NO_SLO, "minimize_latency") is None
    assert old_score([sub_round(e2e=None)], NO_SLO, "minimize_latency") is None


@given(st.floats(1e-3, 1e6), st.floats(1e-3, 1e6), st.floats(1e-3, 10))
def test_it_is_finite_or_none(actual: float, threshold: float, steepness: float) -> None:
    bounds = slo(latency={"p90": {"threshold": threshold}}, steepness=steepness)
    found = old_score([sub_round(e2e=actual)], bounds, "minimize_latency")
    assert found is None or math.isfinite(found)
