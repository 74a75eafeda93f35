"""What failures share: found where it was planted, and not where chance put it."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from core.task import FlagValue
from core.verdict.traits import Condition, fisher, traits

Values = dict[str, FlagValue]


@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_the_p_value_is_fishers(failures: int, successes: int, data: st.DataObject) -> None:
    failed = data.draw(st.integers(0, failures))
    succeeded = data.draw(st.integers(0, successes))
    table = [[failed, failures - failed], [succeeded, successes - succeeded]]
    expected = fisher_exact(table, alternative="greater").pvalue
    assert fisher(failed, failures, succeeded, successes) == pytest.approx(expected)


def test_a_trait_that_failures_hardly_have_is_no_sign_however_many_there_are() -> None:
    assert fisher(7_000, 20_000, 13_000, 20_000) == pytest.approx(1.0)


def test_two_cases_are_called_two_cases() -> None:
    failures: list[Values] = [{"a": 1, "b": 1}, {"a": 1, "b": 2}]
    successes: list[Values] = [{"a": 2, "b": 1}, {"a": 2, "b": 2}]
    [trait] = traits(failures, successes)
    assert trait.conditions == (Condition(flag="a", relation="=", value=1),)
    assert (trait.failed, trait.failures, trait.succeeded, trait.successes) == (2, 2, 0, 2)
    assert trait.p_value == pytest.approx(1 / 6)
    assert trait.lift == 2.0
    assert trait.exclusive
    assert not trait.proved


def test_a_threshold_is_found_where_one_value_does_not_explain() -> None:
    failures: list[Values] = [{"mem": m, "x": x} for m in (0.9, 0.95) for x in (1, 2, 3)]
    successes: list[Values] = [{"mem": m, "x": x} for m in (0.7, 0.8) for x in (1, 2, 3)]
    first = traits(failures, successes)[0]
    assert first.conditions == (Condition(flag="mem", relation="≥", value=0.9),)
    assert first.exclusive
    assert first.proved


def test_two_values_that_have_to_come_together() -> None:
    grid = [
        {"mem": m, "batch": b, "x": x} for m in (0.8, 0.95) for b in (64, 512) for x in (1, 2, 3)
    ]
    failures: list[Values] = [v for v in grid if v["mem"] == 0.95 and v["batch"] == 512]  # type: ignore[assignment]
    successes: list[Values] = [v for v in grid if v not in failures]  # type: ignore[assignment, misc]
    first = traits(failures, successes)[0]
    assert {(c.flag, c.value) for c in first.conditions} == {("mem", 0.95), ("batch", 512)}
    assert first.exclusive


def test_one_and_true_are_two_values() -> None:
    found = traits([{"a": True}, {"a": True}], [{"a": 1}, {"a": 1}])
    assert [t.conditions[0].value for t in found] == [True]


def test_without_successes_nothing_is_said() -> None:
    assert traits([{"a": 1}], []) == ()


def test_chance_is_hardly_ever_called_proved() -> None:
    rng, proved = random.Random(0), 0
    for _ in range(300):
        configurations: list[Values] = [
            {flag: rng.choice((1, 2, 3)) for flag in "abcd"} for _ in range(20)
        ]
        bad = [rng.random() < 0.4 for _ in configurations]
        failures = [c for c, failed in zip(configurations, bad, strict=True) if failed]
        successes = [c for c, failed in zip(configurations, bad, strict=True) if not failed]
        proved += any(trait.proved for trait in traits(failures, successes))
    assert proved / 300 <= 0.05
