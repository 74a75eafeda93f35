"""Whether a figure still holds: right most of the time, and open where it cannot be said."""

import numpy as np
import pytest

from core.events import Experiment, Failure, FailureKind, Outcome
from core.task import Expectation
from core.verdict.verification import Verification, unlike, verify
from tests.builders import experiment, sub_round, verdict


def launch(value: float, **changes: object) -> Experiment:
    made = experiment(judged=verdict(value), outcome=Outcome.OK)
    return made.model_copy(update={"sub_rounds": (sub_round(),), **changes})


def against(expected: Expectation, *values: float) -> Verification:
    return verify(expected, [launch(value) for value in values], "minimize_latency")


WELL_KNOWN = Expectation(value=2.0, repeats=5, noise=0.01)


def test_the_same_figure_holds() -> None:
    found = against(WELL_KNOWN, 2.01, 1.99, 2.0)
    assert found.status == "holds"
    assert found.change == pytest.approx(0.0, abs=0.005)


def test_a_slower_server_has_regressed() -> None:
    found = against(WELL_KNOWN, 2.4, 2.42, 2.38)
    assert found.status == "regression"
    assert found.change == pytest.approx(-0.2, abs=0.01)


def test_a_faster_server_holds() -> None:
    assert against(WELL_KNOWN, 1.5, 1.52, 1.49).status == "holds"


def test_more_throughput_is_better() -> None:
    fast = [launch(2.4), launch(2.42), launch(2.38)]
    assert verify(WELL_KNOWN, fast, "maximize_throughput").status == "holds"


def test_what_straddles_the_tolerance_is_open() -> None:
    assert against(WELL_KNOWN, 2.1, 2.11, 2.09).status == "inconclusive"
    assert against(Expectation(value=2.0), 2.0, 2.6, 1.6).status == "inconclusive"


def test_two_launches_are_too_few() -> None:
    assert against(WELL_KNOWN, 2.0, 2.0).status == "inconclusive"


def test_a_broken_slo_is_a_regression_whatever_the_figure() -> None:
    bad = launch(1.0, outcome=Outcome.INFEASIBLE, verdict=verdict(1.0, feasible=False))
    found = verify(WELL_KNOWN, [bad], "minimize_latency")
    assert found.status == "regression"
    assert found.broken == ("e2e_latency_p90 too long",)


def test_a_crash_counts_and_a_broken_driver_does_not() -> None:
    def failed(kind: FailureKind) -> Experiment:
        return launch(1.0, outcome=Outcome.FAILED, failure=Failure(kind=kind, message="no"))

    crash = verify(WELL_KNOWN, [failed(FailureKind.CRASHED)], "minimize_latency")
    assert crash.status == "regression"
    driver = verify(WELL_KNOWN, [failed(FailureKind.ENVIRONMENT)], "minimize_latency")
    assert (driver.status, driver.launches) == ("inconclusive", 0)


@pytest.mark.parametrize(("true_change", "wrong"), [(0.0, "regression"), (-0.15, "holds")])
def test_it_is_hardly_ever_wrong(true_change: float, wrong: str) -> None:
    rng, mistakes = np.random.default_rng(7), 0
    for _ in range(400):
        old = np.exp(0.02 * rng.standard_normal(3))
        new = (1 + true_change) * np.exp(0.02 * rng.standard_normal(3))
        expected = Expectation(
            value=float(np.exp(np.log(old).mean())),
            repeats=3,
            noise=float(np.log(old).std(ddof=1)),
        )
        made = [launch(float(value)) for value in new]
        mistakes += verify(expected, made, "maximize_throughput").status == wrong
    assert mistakes / 400 <= 0.03


def test_what_is_otherwise_than_it_was_is_told() -> None:
    old = WELL_KNOWN.model_copy(update={"gpus": ("H100",), "engine_version": "0.31.0"})
    assert unlike(old, "0.31.0", ["H100", "H100"]) == ()
    assert unlike(old, "0.32.0", ["A100"]) == (
        "GPUs: H100 then, A100 now",
        "engine version: 0.31.0 then, 0.32.0 now",
    )
    assert unlike(old, "", []) == ("GPUs: H100 then, none now",)
    assert unlike(old, "", None) == unlike(WELL_KNOWN, "0.32.0", ["A100"]) == ()
