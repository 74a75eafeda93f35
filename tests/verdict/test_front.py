"""The Pareto front, and the hypervolume that a point adds to it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.task import Slo
from core.verdict import judge
from core.verdict.front import costs_of, front, pareto_front
from core.verdict.hypervolume import Undominated, hypervolume
from tests.builders import experiment, sub_round

POINT = st.floats(0.0, 1.0, allow_subnormal=False)


def points(objectives: int) -> st.SearchStrategy[list[list[float]]]:
    one = st.lists(POINT, min_size=objectives, max_size=objectives)
    return st.lists(one, min_size=1, max_size=8)


@given(costs=st.one_of(points(1), points(2), points(3)))
def test_nobody_on_the_front_is_beaten_and_everybody_else_is(costs: list[list[float]]) -> None:
    kept = pareto_front(enumerate(costs))
    for number, own in enumerate(costs):
        beaten = any(
            all(a <= b for a, b in zip(costs[other], own, strict=True))
            and (costs[other] != own or other < number)
            for other in range(len(costs))
            if other != number
        )
        assert (number in kept) != beaten


@given(costs=st.one_of(points(1), points(2), points(3)))
def test_the_hypervolume_is_what_random_points_say(costs: list[list[float]]) -> None:
    front, reference = np.array(costs), np.ones(len(costs[0]))
    grid = np.random.default_rng(0).random((4000, len(reference)))
    dominated = (front[:, None, :] <= grid[None]).all(axis=2).any(axis=0)
    assert hypervolume(front, reference) == pytest.approx(dominated.mean(), abs=0.05)
    assert hypervolume(front[::-1], reference) == pytest.approx(hypervolume(front, reference))


@given(costs=st.one_of(points(2), points(3)))
def test_what_is_dominated_adds_nothing(costs: list[list[float]]) -> None:
    front, reference = np.array(costs), np.ones(len(costs[0]))
    undominated = Undominated.of(front, reference)
    assert undominated.improvement(front) == pytest.approx(0.0)
    assert undominated.improvement(front + 0.1) == pytest.approx(0.0)


def test_with_one_objective_it_is_the_improvement_over_the_best() -> None:
    undominated = Undominated.of(np.array([[-5.0], [-7.0]]), np.array([-5.0]))
    assert undominated.improvement(np.array([[-6.0], [-9.0]])).tolist() == [0.0, 2.0]


def test_several_objectives_are_judged_and_ranked_by_their_logarithms() -> None:
    def judged(number: int, throughput: float, e2e: float):  # type: ignore[no-untyped-def]
        verdict = judge(
            [sub_round(throughput=throughput, e2e=e2e)],
            Slo(),
            "maximize_throughput",
            levels=1,
            also=("minimize_e2e_latency_p90",),
        )
        return experiment(number, judged=verdict)

    fast, quick, slow = judged(1, 1000.0, 4.0), judged(2, 500.0, 2.0), judged(3, 400.0, 3.0)
    assert [e.number for e in front([slow, quick, fast])] == [1, 2]
    assert fast.verdict.values == (1000.0, 4.0)
    costs, others = costs_of(fast.verdict), costs_of(quick.verdict)
    assert costs is not None
    assert others is not None
    assert costs[0] - others[0] == pytest.approx(-(costs[1] - others[1]))
