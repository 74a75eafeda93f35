"""When an experiment is stopped early, and above all when it is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import Distribution, Experiment, Outcome
from core.task import Slo
from core.verdict import judge
from core.verdict.pruning import Pruning, pruning
from tests.builders import distribution, experiment, sub_round

SLO = Slo.model_validate(
    {"ttft": {"p99": {"threshold": 1.0, "hard_fail": True, "fail_ratio": 0.0}}}
)
SOFT = Slo.model_validate({"ttft": {"p99": {"threshold": 1.0}}})


def lived(number: int, *throughputs: float, slo: Slo = SLO) -> Experiment:
    measured = tuple(sub_round(i, throughput=t) for i, t in enumerate(throughputs))
    verdict = judge(measured, slo, "maximize_throughput", levels=len(throughputs))
    return experiment(number, outcome=Outcome.OK, judged=verdict).model_copy(
        update={"sub_rounds": measured}
    )


def held_against(slo: Slo = SLO, *, best: float = 1000.0, noise: float = 0.01) -> Pruning:
    experiments = [lived(n, best - n, 2 * best - n, 4 * best - n, slo=slo) for n in range(10)]
    found = pruning(experiments, slo, "maximize_throughput", levels=3, noise=noise)
    assert found is not None
    return found


def test_the_first_ten_are_measured_in_full() -> None:
    nine = [lived(n, 1000.0, 2000.0) for n in range(9)]
    ten = [*nine, lived(9, 1000.0, 2000.0)]
    aim = "maximize_throughput"
    assert pruning(nine, SLO, aim, levels=2, noise=0.01) is None
    assert pruning(ten, SLO, aim, levels=2, noise=0.01) is not None
    assert pruning(ten, SLO, aim, levels=1, noise=0.01) is None


@pytest.mark.parametrize(("ttft", "stopped"), [(0.9, False), (1.04, False), (1.3, True)])
def test_an_slo_has_to_be_broken_by_more_than_noise(ttft: float, stopped: bool) -> None:
    reason = held_against().reason([sub_round(0, ttft=ttft, throughput=1000.0)])
    assert (reason is not None) == stopped
    if stopped:
        assert reason is not None
        assert reason.startswith("ttft_p99 1.3 s at D(100,100) × 4 breaks 1 s for good")


def test_more_noise_takes_a_larger_violation() -> None:
    broken = [sub_round(0, ttft=1.15, throughput=1000.0)]
    assert held_against(noise=0.01).reason(broken) is not None
    assert held_against(noise=0.1).reason(broken) is None


def test_a_figure_whose_interval_reaches_below_the_bound_does_not_stop() -> None:
    wide = distribution(1.3).model_copy(update={"intervals": {"p99": (0.8, 2.0)}})
    assert isinstance(wide, Distribution)
    measured = sub_round(0, throughput=1000.0).model_copy(update={"ttft": wide})
    assert held_against().reason([measured]) is None


def test_a_soft_slo_stops_nothing_by_itself() -> None:
    assert held_against(SOFT).reason([sub_round(0, ttft=1.01, throughput=1200.0)]) is None


def test_what_cannot_win_any_more_is_stopped() -> None:
    found = held_against()
    # The best has 1,000, 2,000 and 4,000: the last level may bring 4,200 at most.
    hopeless = [sub_round(0, throughput=500.0), sub_round(1, throughput=1000.0)]
    assert "at best it comes to 1900" in (found.reason(hopeless) or "")
    assert found.reason([sub_round(0, throughput=1000.0), sub_round(1, throughput=1990.0)]) is None


def test_whatever_is_complete_is_not_stopped() -> None:
    whole = [sub_round(i, throughput=1.0, ttft=9.0) for i in range(3)]
    assert held_against().reason(whole) is None
    assert held_against().reason([]) is None


@given(
    shares=st.lists(st.floats(0.2, 1.6), min_size=3, max_size=3),
    ttfts=st.lists(st.floats(0.1, 2.0), min_size=3, max_size=3),
)
def test_nothing_that_would_have_won_by_what_was_seen_is_stopped(
    shares: list[float], ttfts: list[float]
) -> None:
    """Unless a level was better by over 5 % than any that was seen there before."""
    found = held_against()
    levels = [
        sub_round(i, throughput=share * 1000.0 * 2**i, ttft=ttft)
        for i, (share, ttft) in enumerate(zip(shares, ttfts, strict=True))
    ]
    verdict = judge(levels, SLO, "maximize_throughput", levels=3)
    (incumbent,) = found.rivals
    assert incumbent.score is not None
    for end in (1, 2):
        surprising = any(share > 1.05 for share in shares[end:])
        if found.reason(levels[:end]) is not None and not surprising:
            won = verdict.feasible and (verdict.score or 0.0) < incumbent.score
            assert not won
