"""What a run may cost, and what it has cost."""

from hypothesis import given
from hypothesis import strategies as st

from core.events import Experiment, Outcome
from core.run.budget import Cost, Purse, has_time, mean_cost, spent
from core.task import Budget, Optimization, share_out
from tests.builders import experiment


def lived(number: int, began: float, ended: float | None, gpus: int = 0) -> Experiment:
    return experiment(number).model_copy(
        update={
            "began_at": began,
            "ended_at": ended,
            "gpus": tuple(f"GPU-{n}" for n in range(gpus)),
        }
    )


def test_time_does_not_run_while_nobody_works_and_counts_once_side_by_side() -> None:
    lives = [lived(0, 0, 10, 1), lived(1, 5, 20, 2), lived(2, 1000, 1010), lived(3, 1010, None)]
    assert spent(lives, now=1015) == Cost(4, 35, 40)
    assert mean_cost(lives) == Cost(1, 35 / 3, 40 / 3)
    assert mean_cost([]) == Cost(1)


def test_there_is_time_for_what_keeps_to_both_limits() -> None:
    assert has_time(Budget(), Cost(9, 1e9, 1e9))
    limited = Budget(time=1, gpu_hours=0.01)
    assert has_time(limited, Cost(0, 60, 36))
    assert not has_time(limited, Cost(0, 61, 36))
    assert not has_time(limited, Cost(0, 60, 37))


def test_what_has_to_be_done_again_is_no_launch_of_the_plan() -> None:
    broken_off = lived(1, 0, 10).model_copy(update={"outcome": Outcome.CANCELLED})
    assert spent([lived(0, 0, 10), broken_off], now=10).launches == 1


def test_small_searches_are_confirmed_by_one_contender_and_large_ones_by_more() -> None:
    sizes = {
        most: share_out(Optimization(max_iterations=most), None).contenders
        for most in (2, 8, 14, 18, 50, 60)
    }
    assert sizes == {2: 1, 8: 1, 14: 2, 18: 3, 50: 3, 60: 5}


def test_without_confirmation_or_baseline_nothing_is_kept_for_them() -> None:
    off = Optimization.model_validate(
        {"max_iterations": 25, "confirmation": False, "baseline": False}
    )
    assert share_out(off, None).launches == 25
    assert share_out(off, 4).launches == 4


@given(
    most=st.integers(1, 200),
    size=st.one_of(st.none(), st.integers(0, 300)),
    launches=st.one_of(st.none(), st.integers(2, 300)),
    baseline=st.booleans(),
)
def test_shares_add_up_within_the_budget(
    most: int, size: int | None, launches: int | None, baseline: bool
) -> None:
    shares = share_out(
        Optimization.model_validate(
            {"max_iterations": most, "baseline": baseline, "budget": {"experiments": launches}}
        ),
        size,
    )
    assert shares.launches == baseline + shares.searches + shares.repeats + shares.confirmations
    assert launches is None or shares.launches <= launches
    assert shares.searches <= most
    assert shares.confirmations == 0 or shares.confirmations >= 6
    assert shares.contenders >= 1


def test_a_budget_of_time_keeps_back_at_most_a_third() -> None:
    limited = Optimization.model_validate({"budget": {"time": 10}})
    shares = share_out(limited, None)

    def purse(seconds: float) -> Purse:
        return Purse(limited, shares, Cost(3, seconds, 0.0), Cost(1, 60.0, 0.0))

    assert purse(300).affords(1, kept=60)
    assert not purse(350).affords(1, kept=60)
    assert purse(350).affords(4)
    assert not purse(350).affords(5)
    assert 0.4 < purse(350).left < 0.42


def test_a_budget_of_gpu_hours_counts_gpus() -> None:
    limited = Optimization.model_validate({"budget": {"gpu_hours": 1}})
    shares = share_out(limited, None)
    purse = Purse(limited, shares, Cost(3, 900.0, 3000.0), Cost(1, 60.0, 480.0))
    assert purse.affords(1)
    assert not purse.affords(2)
