"""The statistics of the comparison: against tables, against t-tests, and against the truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.verdict import comparison
from core.verdict.comparison import (
    ALPHA,
    Difference,
    detectable,
    differences,
    drift,
    power,
)
from core.verdict.repeats import LOOKS


def difference(t: float, *, degrees: int, repeats: tuple[int, ...], control: int) -> Difference:
    return Difference(t, 1.0, 0.02, degrees, repeats, control, maximised=True)


@pytest.mark.parametrize(
    ("contenders", "degrees", "critical"),
    # Dunnett 1964, tables: one-sided 5 % and, at 2.5 % a side, two-sided 5 % for equal groups.
    [(2, 10, 2.15), (3, 10, 2.34), (4, 20, 2.30), (1, 10, 1.81)],
)
def test_critical_values_are_those_of_dunnetts_table(
    contenders: int, degrees: int, critical: float
) -> None:
    found = difference(critical, degrees=degrees, repeats=(5,) * contenders, control=5)
    assert found.probability() == pytest.approx(0.95, abs=0.002)


@given(st.floats(-4, 4), st.integers(1, 40), st.integers(2, 9), st.integers(2, 9))
def test_one_contender_is_students_t(t: float, degrees: int, repeats: int, control: int) -> None:
    found = difference(t, degrees=degrees, repeats=(repeats,), control=control)
    assert found.probability() == pytest.approx(float(stats.t.cdf(t, degrees)), abs=1e-9)


def test_one_contender_agrees_with_the_t_test_of_the_books() -> None:
    winner, defaults = [105.0, 107.0, 104.5], [100.0, 101.5, 99.0]
    found = differences({1: winner}, defaults, maximised=True)[1]
    book = stats.ttest_ind(np.log(winner), np.log(defaults), alternative="greater")
    assert found.probability() == pytest.approx(1 - book.pvalue, abs=1e-9)
    both = stats.ttest_ind(np.log(winner), np.log(defaults))
    low, high = both.confidence_interval(0.95)
    assert found.interval(0.025) == pytest.approx((math.expm1(low), math.expm1(high)), abs=1e-4)


def test_less_latency_is_a_gain_and_a_share_of_the_defaults() -> None:
    found = differences({1: [1.5, 1.5, 1.5]}, [2.0, 2.0, 2.0], maximised=False)[1]
    assert found.gain == pytest.approx(0.25)
    assert found.finding() == "better"
    assert found.finding(threshold=0.3) == "worse"
    assert found.probability(threshold=0.2) == 1.0
    assert found.probability(threshold=0.26) == 0.0


positive = st.lists(st.floats(0.5, 2.0), min_size=3, max_size=7)


@given(positive, positive, positive, st.booleans())
def test_what_is_found_fits_its_own_interval(
    first: list[float], second: list[float], defaults: list[float], maximised: bool
) -> None:
    found = differences({1: first, 2: second}, defaults, maximised=maximised)
    for one in found.values():
        low, high = one.interval()
        assert low <= one.gain <= high
        assert (one.finding() == "better") == (low > 0)
        better = one.probability() > 1 - ALPHA
        assert better == (low > 0) or one.probability() == pytest.approx(1 - ALPHA, abs=1e-3)


@given(positive, positive, st.floats(0.1, 10))
def test_the_unit_does_not_matter(first: list[float], defaults: list[float], unit: float) -> None:
    plain = differences({1: first}, defaults, maximised=True)[1]
    scaled = differences(
        {1: [unit * x for x in first]}, [unit * x for x in defaults], maximised=True
    )[1]
    assert scaled.estimate == pytest.approx(plain.estimate, abs=1e-9)
    assert scaled.error == pytest.approx(plain.error, abs=1e-9)


def test_a_noisy_contender_does_not_borrow_the_certainty_of_the_others() -> None:
    quiet = [100.0, 100.1, 99.9]
    noisy = [90.0, 112.0, 118.0]
    alone = differences({1: noisy}, quiet, maximised=True)[1]
    among = differences({1: noisy, 2: quiet, 3: quiet, 4: quiet}, quiet, maximised=True)[1]
    assert among.error == pytest.approx(alone.error)


def test_without_repeats_nothing_is_compared() -> None:
    assert differences({1: [2.0]}, [1.0], maximised=True) == {}
    assert differences({1: []}, [1.0, 1.1], maximised=True) == {}


def test_power_is_what_it_says() -> None:
    by_look = power(0.05, 0.02)
    assert list(by_look) == sorted(by_look)
    # At three repeats, one contender: noncentral t.
    centre = math.log(1.05) / (0.02 * math.sqrt(2 / 3))
    exact = 1 - stats.nct.cdf(stats.t.ppf(1 - ALPHA, 4), 4, centre)
    assert by_look[0] == pytest.approx(exact, abs=0.03)
    assert power(0.0, 0.02)[-1] < 0.06
    gain = detectable(0.02, contenders=3)
    assert power(gain, 0.02, contenders=3)[-1] == pytest.approx(0.75, abs=0.01)
    assert detectable(0.02, looks=(3,)) > detectable(0.02)


@pytest.mark.parametrize("contenders", [1, 3])
def test_equals_are_called_better_in_at_most_five_studies_of_a_hundred(contenders: int) -> None:
    rng = np.random.default_rng(7)
    studies, announced = 2000, 0
    for _ in range(studies):
        arms = np.exp(0.05 * rng.standard_normal((contenders + 1, max(LOOKS))))
        counts, leader = [LOOKS[0]] * (contenders + 1), 0
        for look in LOOKS:
            if leader:
                counts[0] = counts[leader] = look  # whoever leads goes on
            fresh = {n: list(arms[n, : counts[n]]) for n in range(1, contenders + 1)}
            found = differences(fresh, list(arms[0, : counts[0]]), maximised=True)
            leader = max(found, key=lambda n: found[n].estimate)
            if found[leader].finding() == "better":
                announced += 1
                break
    # The true rates are 4.5 % and 3.3 %: 5 % is one standard error above the first.
    assert announced / studies <= 0.05


def test_drift_is_told_from_noise() -> None:
    rng = np.random.default_rng(3)
    times = [600.0 * n for n in range(8)]
    noisy = [(at, 100 * math.exp(0.01 * rng.standard_normal())) for at in times]
    drifting = [(at, value * math.exp(-0.05 * at / times[-1])) for at, value in noisy]
    still, moved = drift(noisy), drift(drifting)
    assert still is not None
    assert not still.proved
    assert moved is not None
    assert moved.proved
    assert moved.change == pytest.approx(-0.05, abs=0.03)
    assert moved.low < moved.change < moved.high
    assert drift(noisy[:2]) is None
    assert drift([(0.0, 1.0)] * 3) is None


def test_the_looks_are_taken_with_the_chance_of_error_that_is_told() -> None:
    assert LOOKS == (3, 5, 7)
    assert comparison.ALPHA == 0.02
