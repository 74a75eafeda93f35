import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import LoadFound, SubRound
from core.task import Objective, Slo
from core.verdict import best, explain, gain, judge, rank_key
from tests.builders import distribution, experiment, sub_round

OBJECTIVES: tuple[Objective, ...] = (
    "minimize_latency",
    "maximize_throughput",
    "minimize_ttft",
    "minimize_tpot",
)
HARD_P90 = Slo.model_validate(
    {"latency": {"p90": {"threshold": 6.5, "hard_fail": True, "fail_ratio": 0.2}}}
)


def test_without_slos_the_score_is_the_objective() -> None:
    measured = [sub_round(0, e2e=1.0, throughput=900), sub_round(1, e2e=3.0, throughput=1100)]
    latency = judge(measured, Slo(), "minimize_latency", levels=2)
    throughput = judge(measured, Slo(), "maximize_throughput", levels=2)
    assert (latency.feasible, latency.value, latency.score) == (True, 2.0, 2.0)
    assert (throughput.value, throughput.score) == (1000, -1000)


def test_throughput_counts_by_gpu() -> None:
    measured = [sub_round(0, throughput=1322, gpus=2)]
    assert judge(measured, Slo(), "maximize_throughput", levels=1).value == 661


@pytest.mark.parametrize(
    ("over", "factor"), [(0.05, 4.30), (0.10, 6.44), (0.20, 15.78), (0.50, 297.8)]
)
def test_the_penalty_of_a_soft_slo(over: float, factor: float) -> None:
    """The predecessor's own figures: weight 2, steepness 0.1, a latency objective."""
    slo = Slo.model_validate({"ttft": {"threshold": 1.0, "weight": 2}})
    verdict = judge([sub_round(ttft=1 + over, e2e=1.0)], slo, "minimize_latency", levels=1)
    assert verdict.feasible
    assert verdict.score == pytest.approx(factor, rel=0.002)


def test_a_soft_slo_makes_a_throughput_score_worse_not_better() -> None:
    slo = Slo.model_validate({"latency": {"p90": {"threshold": 1.0, "weight": 2}}})
    verdict = judge([sub_round(e2e=1.1, throughput=1000)], slo, "maximize_throughput", levels=1)
    assert verdict.score == pytest.approx(4436, abs=1)


def test_a_hard_slo_tolerates_its_fail_ratio() -> None:
    held = judge([sub_round(e2e=7.7)], HARD_P90, "minimize_latency", levels=1)
    broken = judge([sub_round(e2e=8.7)], HARD_P90, "minimize_latency", levels=1)
    assert held.feasible
    assert not broken.feasible
    assert broken.reasons == ("e2e_latency_p90 8.7 s, 34% over 6.5 s",)
    assert broken.score is not None


def test_the_worst_level_speaks_for_an_slo() -> None:
    measured = [sub_round(0, e2e=1.0), sub_round(1, e2e=9.0), sub_round(2, e2e=2.0)]
    (slo,) = judge(measured, HARD_P90, "minimize_latency", levels=3).slos
    assert (slo.sub_round, slo.actual, slo.broken) == (1, 9.0, True)


def test_a_level_that_was_not_measured_is_not_forgotten() -> None:
    verdict = judge([sub_round(0)], Slo(), "minimize_latency", levels=3)
    assert not verdict.feasible
    assert verdict.reasons == ("2 of 3 load levels were not measured",)
    assert verdict.value == 1.0


def test_a_hard_slo_that_could_not_be_measured_does_not_hold() -> None:
    slo = Slo.model_validate({"tpot": {"threshold": 1, "hard_fail": True}})
    verdict = judge([sub_round(tpot=None)], slo, "minimize_latency", levels=1)
    assert not verdict.feasible
    assert verdict.reasons == ("tpot_mean could not be measured",)


def test_nothing_measured_has_no_score() -> None:
    verdict = judge([], HARD_P90, "minimize_latency", levels=2)
    assert verdict.score is None
    assert not verdict.feasible


@given(st.floats(1e-6, 1e12), st.floats(0.001, 10), st.floats(0.001, 10))
def test_no_violation_is_too_large_for_a_score(actual: float, weight: float, steep: float) -> None:
    slo = Slo.model_validate({"ttft": {"threshold": 0.001, "weight": weight}, "steepness": steep})
    for objective in OBJECTIVES:
        verdict = judge([sub_round(ttft=actual)], slo, objective, levels=1)
        assert verdict.score is not None
        assert math.isfinite(verdict.score)


@given(st.floats(0.1, 50), st.floats(0.1, 50), st.booleans(), st.sampled_from(OBJECTIVES))
def test_more_violation_is_never_better(
    a: float, b: float, hard: bool, objective: Objective
) -> None:
    slo = Slo.model_validate({"latency": {"p99": {"threshold": 1, "hard_fail": hard}}})
    less, more = (
        judge([sub_round(e2e=distribution(1.0, p99=p99))], slo, objective, levels=1)
        for p99 in sorted((a, b))
    )
    assert rank_key(less) <= rank_key(more)


def test_feasible_beats_infeasible_beats_unmeasured() -> None:
    slow = judge([sub_round(e2e=6.0)], HARD_P90, "minimize_latency", levels=1)
    fast = judge([sub_round(e2e=4.0)], HARD_P90, "minimize_latency", levels=1)
    bad = judge([sub_round(e2e=9.0)], HARD_P90, "minimize_latency", levels=1)
    worse = judge([sub_round(e2e=12.0)], HARD_P90, "minimize_latency", levels=1)
    lost = judge([], HARD_P90, "minimize_latency", levels=1)
    order = [fast, slow, bad, worse, lost]
    assert sorted([fast, lost, worse, bad, slow], key=rank_key) == order
    assert rank_key(None) > rank_key(lost)


@pytest.mark.parametrize(
    ("objective", "winner", "expected"),
    [
        ("minimize_latency", {"e2e": 0.75}, 0.25),
        ("minimize_ttft", {"ttft": 0.2}, -1.0),
        ("maximize_throughput", {"throughput": 1250}, 0.25),
    ],
)
def test_gain_is_positive_when_better(objective: Objective, winner: dict, expected: float) -> None:
    baseline = judge([sub_round()], Slo(), objective, levels=1)
    better = judge([sub_round(**winner)], Slo(), objective, levels=1)
    assert gain(better, baseline) == pytest.approx(expected)


def test_gain_needs_both_values() -> None:
    nothing = judge([], Slo(), "minimize_latency", levels=1)
    something = judge([sub_round()], Slo(), "minimize_latency", levels=1)
    assert gain(something, nothing) is None
    assert gain(nothing, something) is None


def test_an_slo_in_words() -> None:
    verdict = judge([sub_round(e2e=3.25)], HARD_P90, "minimize_latency", levels=1)
    assert explain(verdict.slos[0]) == "e2e_latency_p90 3.25 s, 50% below 6.5 s"


def test_best_takes_the_earlier_of_two_equals() -> None:
    verdict = judge([sub_round()], Slo(), "minimize_latency", levels=1)
    same = [experiment(n, judged=verdict) for n in (3, 1, 2)]
    found = best(same)
    assert found is not None
    assert found.number == 1
    assert best([experiment(1)]) is None


def found(index: int = 0, load: float | None = 40, **more: object) -> SubRound:
    """A sub-round of the largest load that was found."""
    search = LoadFound.model_validate(
        {"over": "concurrency", "load": load, "broke": 44, "certain": True} | more
    )
    return sub_round(index).model_copy(update={"found": search, "goodput": 7.0, "gpus": 2})


def test_the_largest_load_and_its_goodput_are_objectives_by_gpu() -> None:
    measured = [found(0, load=40), found(1, load=20)]
    load = judge(measured, Slo(), "maximize_load_under_slo", levels=2)
    goodput = judge(measured, Slo(), "maximize_goodput", levels=2)
    assert (load.feasible, load.value, load.score) == (True, 15, -15)
    assert (goodput.feasible, goodput.value, goodput.score) == (True, 3.5, -3.5)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, "the SLOs do not hold even at 44 requests in flight"),
        (
            {"given_up": True, "over": "request_rate"},
            "the SLOs do not hold at 44 requests per second, as they do for the best so far",
        ),
        (
            {"client_bound": True},
            "the load generator could not give enough load to tell which load holds the SLOs",
        ),
    ],
)
def test_a_configuration_for_which_no_load_was_found_is_infeasible(
    more: dict[str, object], reason: str
) -> None:
    verdict = judge([found(), found(1, load=None, **more)], Slo(), "maximize_goodput", levels=2)
    assert (verdict.feasible, verdict.value) == (False, None)
    assert verdict.reasons == (reason,)
