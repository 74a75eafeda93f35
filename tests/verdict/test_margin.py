"""Whether an SLO is truly held, or was only held so far."""

from collections.abc import Sequence

import numpy as np
import pytest

from core.events import Experiment, Outcome
from core.task import Slo
from core.verdict import judge
from core.verdict.margin import Scatter, doubtful, scatter
from tests.builders import experiment, sub_round

SLO = Slo.model_validate(
    {"ttft": {"mean": {"threshold": 1.0, "hard_fail": True, "fail_ratio": 0.05}}}
)
SOFT = Slo.model_validate({"ttft": {"mean": {"threshold": 1.0}}})


def runs(ttfts: Sequence[float], slo: Slo = SLO) -> list[Experiment]:
    made = []
    for ttft in ttfts:
        measured = (sub_round(ttft=ttft),)
        judged = judge(measured, slo, "minimize_latency", levels=1)
        found = experiment(20, outcome=Outcome.OK, judged=judged)
        made.append(found.model_copy(update={"sub_rounds": measured}))
    return made


def test_the_noise_of_a_metric_is_that_of_all_arms_together() -> None:
    steady, loose = runs([0.5, 0.5, 0.5]), runs([0.8, 0.8 * np.exp(0.1), 0.8 * np.exp(-0.1)])
    found = scatter([steady, loose], SLO)
    assert found["ttft_mean"].degrees == 4
    assert found["ttft_mean"].noise == pytest.approx((2 * 0.1**2 / 4) ** 0.5)
    assert scatter([runs([0.5]), runs([0.6])], SLO) == {}
    assert scatter([runs([0.5, 0.6], SOFT)], SOFT) == {}


def test_the_bound_is_that_at_which_the_slo_fails() -> None:
    known = {"ttft_mean": Scatter(0.01, 1000)}
    assert doubtful(runs([1.0, 1.0, 1.0]), SLO, known) is None
    assert doubtful(runs([1.045, 1.045, 1.045]), SLO, known) == (
        "ttft_mean is within the noise of 1 s"
    )
    assert doubtful(runs([1.045]), SOFT, known) is None
    assert doubtful(runs([1.045]), SLO, {}) is None


def test_what_truly_breaks_an_slo_hardly_ever_passes_for_clear() -> None:
    rng = np.random.default_rng(5)
    clear = 0
    for _ in range(300):
        figures = 1.05 * np.exp(0.04 * rng.standard_normal((4, 3)))  # at the bound itself
        arms = [runs(row) for row in figures]
        clear += doubtful(arms[0], SLO, scatter(arms, SLO)) is None
    assert clear <= 30, clear  # 15 expected of a test at 5 %; seeded
