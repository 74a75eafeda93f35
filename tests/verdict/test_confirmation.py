"""What fresh launches may be said to prove."""

import math
import random
from collections.abc import Sequence

import pytest

from core.events import Experiment, Failure, FailureKind, Outcome
from core.task import DEFAULTS, Configuration, Slo
from core.verdict import judge
from core.verdict.confirmation import Candidate, compare, confirm, unconfirmed
from core.verdict.margin import counts, held
from tests.builders import experiment, sub_round, verdict


def run(value: float, *, feasible: bool = True, number: int = 20) -> Experiment:
    outcome = Outcome.OK if feasible else Outcome.INFEASIBLE
    judged = verdict(value, feasible=feasible)
    return experiment(number, outcome=outcome, judged=judged).model_copy(
        update={"sub_rounds": (sub_round(),)}
    )


def failed(kind: FailureKind, *, transient: bool = False) -> Experiment:
    failure = Failure(kind=kind, message="it went wrong", transient=transient)
    return experiment(9, outcome=Outcome.FAILED).model_copy(update={"failure": failure})


def candidate(number: int, *runs: Experiment) -> Candidate:
    return Candidate(number, Configuration({"batch": number}), tuple(runs))


def runs(values: Sequence[float]) -> list[Experiment]:
    return [run(value) for value in values]


DEFAULT_RUNS = Candidate(0, DEFAULTS, tuple(runs([2.0, 2.02, 1.98])))


def test_the_winner_is_the_best_of_fresh_launches_whatever_the_search_saw() -> None:
    found = confirm(
        [candidate(4, *runs([1.6, 1.61, 1.59])), candidate(7, *runs([1.5, 1.51, 1.49]))],
        DEFAULT_RUNS,
        objective="minimize_latency",
    )
    assert found.status == "better"
    assert found.winner == 7
    assert found.chosen is not None
    assert found.chosen.gain is not None
    assert found.chosen.gain.share == pytest.approx(0.25, abs=0.001)
    assert 0.2 < found.chosen.gain.low < 0.25 < found.chosen.gain.high < 0.3
    assert found.defaults is not None
    assert found.defaults.value == pytest.approx(2.0, abs=0.001)


def test_a_single_broken_launch_disqualifies() -> None:
    found = confirm(
        [
            candidate(4, *runs([1.6, 1.61, 1.59])),
            candidate(7, run(1.5), run(1.5), run(1.5, feasible=False)),
            candidate(8, failed(FailureKind.OUT_OF_MEMORY)),
        ],
        DEFAULT_RUNS,
        objective="minimize_latency",
    )
    assert found.winner == 4
    assert [c.experiment for c in found.contenders] == [4, 8, 7] or [
        c.experiment for c in found.contenders
    ] == [4, 7, 8]
    reasons = {c.experiment: c.reasons for c in found.contenders}
    assert reasons == {4: (), 7: ("e2e_latency_p90 too long",), 8: ("it went wrong",)}


def test_where_none_holds_it_is_left_to_the_defaults() -> None:
    fallen = [candidate(4, run(1.6, feasible=False))]
    kept = confirm(fallen, DEFAULT_RUNS, objective="minimize_latency")
    assert (kept.status, kept.winner) == ("defaults", DEFAULT_RUNS.experiment)
    for defaults in (None, candidate(0, *runs([2.0, 2.0])), candidate(0, run(2.0, feasible=False))):
        found = confirm(fallen, defaults, objective="minimize_latency")
        assert (found.status, found.winner) == ("infeasible", None)


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([1.5, 1.51, 1.49], "better"),
        ([1.99, 2.03, 1.97], "indistinct"),
        ([2.5, 2.51, 2.49], "worse"),
    ],
)
def test_status_follows_the_interval(values: list[float], status: str) -> None:
    found = confirm([candidate(4, *runs(values))], DEFAULT_RUNS, objective="minimize_latency")
    assert found.status == status


def test_the_luckiest_of_many_alike_is_not_called_better() -> None:
    """The best of fifteen that are all the same, with 5 % of noise, looks 8 % better than it is.
    The best of five by fresh launches is the luckiest again; its interval has to know that."""
    called, looked = 0, 0.0
    for seed in range(200):
        rng = random.Random(seed)

        def launches(count: int, rng: random.Random = rng) -> list[Experiment]:
            return runs([2.0 * math.exp(rng.gauss(0, 0.05)) for _ in range(count)])

        looked += min(2.0 * math.exp(rng.gauss(0, 0.05)) for _ in range(15)) / 200
        found = confirm(
            [candidate(number, *launches(3)) for number in range(1, 6)],
            Candidate(0, DEFAULTS, tuple(launches(3))),
            objective="minimize_latency",
        )
        called += found.status == "better"
    assert looked < 2.0 * 0.93
    assert called / 200 <= 0.06


def test_a_gain_below_what_was_asked_for_is_none() -> None:
    fresh = [candidate(4, *runs([1.9, 1.91, 1.89]))]
    asked = confirm(fresh, DEFAULT_RUNS, objective="minimize_latency", threshold=0.02)
    assert asked.status == "better"
    asked = confirm(fresh, DEFAULT_RUNS, objective="minimize_latency", threshold=0.1)
    assert asked.status == "worse"


def test_too_few_launches_confirm_nothing() -> None:
    found = confirm([candidate(4, *runs([1.5, 1.51]))], DEFAULT_RUNS, objective="minimize_latency")
    assert found.status == "unconfirmed"
    assert "2 fresh launches" in found.reason
    assert found.winner == 4
    assert unconfirmed(4, "the budget is spent").winner == 4


def test_defaults_that_break_the_slos_are_not_compared_to_but_for_their_figures() -> None:
    broken = Candidate(0, DEFAULTS, (run(2.0, feasible=False),) * 3)
    found = confirm([candidate(4, *runs([1.5, 1.51, 1.49]))], broken, objective="minimize_latency")
    assert found.status == "alone"
    assert "e2e_latency_p90" in found.reason
    assert found.winner == 4


def test_without_defaults_the_winner_stands_alone() -> None:
    found = confirm([candidate(4, *runs([1.5, 1.5, 1.5]))], None, objective="minimize_latency")
    assert found.status == "alone"
    assert found.chosen is not None
    assert found.chosen.gain is None


def test_what_says_nothing_of_the_configuration_does_not_count() -> None:
    assert counts(run(1.0))
    assert counts(failed(FailureKind.CRASHED))
    assert not counts(failed(FailureKind.ENVIRONMENT))
    assert not counts(failed(FailureKind.CRASHED, transient=True))
    assert not counts(experiment(outcome=Outcome.INTERRUPTED))
    assert held(run(1.0))
    assert not held(run(1.0, feasible=False))


def test_two_configurations_can_be_compared_as_such() -> None:
    gain = compare(runs([1.0, 1.01, 0.99]), runs([2.0, 2.02, 1.98]), "minimize_latency")
    assert gain is not None
    assert gain.share == pytest.approx(0.5, abs=0.001)
    assert compare(runs([1.0]), [], "minimize_latency") is None


def test_a_contender_that_clearly_holds_the_slo_goes_before_a_faster_one_that_hardly_does() -> None:
    slo = Slo.model_validate(
        {"ttft": {"mean": {"threshold": 1.0, "hard_fail": True, "fail_ratio": 0.0}}}
    )

    def at(value: float, ttft: float) -> Experiment:
        measured = (sub_round(e2e=value, ttft=ttft),)
        judged = judge(measured, slo, "minimize_latency", levels=1)
        return experiment(20, outcome=Outcome.OK, judged=judged).model_copy(
            update={"sub_rounds": measured}
        )

    hardly = candidate(4, at(1.5, 0.995), at(1.5, 0.96), at(1.51, 0.999))
    clearly = candidate(7, at(1.6, 0.8), at(1.6, 0.82), at(1.61, 0.79))
    found = confirm([hardly, clearly], DEFAULT_RUNS, objective="minimize_latency", slo=slo)
    assert found.winner == 7
    assert found.contenders[1].reasons == ("ttft_mean is within the noise of 1 s",)
    assert found.contenders[1].feasible
    alone = confirm([hardly], DEFAULT_RUNS, objective="minimize_latency", slo=slo)
    assert alone.winner == 4
    assert alone.status == "unconfirmed"
    assert alone.reason == "ttft_mean is within the noise of 1 s"
    assert confirm([hardly, clearly], DEFAULT_RUNS, objective="minimize_latency").winner == 4
