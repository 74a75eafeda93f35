"""How figures are written."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.report import figures


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.01234, "0.0123"),
        (0.9996, "1.00"),
        (1, "1.00"),
        (9.999, "10.0"),
        (12.34, "12.3"),
        (99.96, "100"),
        (812.3, "812"),
        (12345.6, "12,346"),
        (-3.14159, "-3.14"),
    ],
)
def test_a_number_has_at_least_three_digits_that_matter(value: float, text: str) -> None:
    assert figures.number(value) == text


@given(st.floats(min_value=-1e12, max_value=1e12).filter(lambda x: x == 0 or abs(x) > 1e-9))
def test_a_number_is_right_to_three_digits(value: float) -> None:
    written = float(figures.number(value).replace(",", ""))
    assert math.isclose(written, value, rel_tol=0.0051, abs_tol=1e-12)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 µs"),
        (0.00085, "850 µs"),
        (0.0009999, "1.00 ms"),
        (0.0921, "92.1 ms"),
        (0.9999, "1.00 s"),
        (1.61, "1.61 s"),
        (125, "125 s"),
    ],
)
def test_a_latency_has_the_unit_that_suits_it(seconds: float, text: str) -> None:
    assert figures.latency(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (4.21, "4.2 s"),
        (9.96, "10 s"),
        (42, "42 s"),
        (59.7, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.6, "1 h 00 min"),
        (7800, "2 h 10 min"),
        (273600, "3 d 4 h"),
    ],
)
def test_a_duration_is_read_at_a_glance(seconds: float, text: str) -> None:
    assert figures.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (42, "0:42"), (185, "3:05"), (7800, "2:10:00")]
)
def test_a_clock_is_narrow(seconds: float, text: str) -> None:
    assert figures.clock(seconds) == text


def test_shares_are_percentages() -> None:
    assert figures.percentage(0.2534) == "25.3 %"
    assert figures.percentage(0.2534, signed=True) == "+25.3 %"
    assert figures.percentage(-0.004, signed=True) == "-0.4 %"
    assert figures.percentage(12.5) == "1,250 %"


@pytest.mark.parametrize(
    ("name", "value", "text", "title"),
    [
        ("e2e_latency_p90", 5.85, "5.85 s", "E2E P90"),
        ("e2e_latency_p99.9", 5.85, "5.85 s", "E2E P99.9"),
        ("ttft_mean", 0.15, "150 ms", "TTFT mean"),
        ("total_throughput_per_gpu", 6574.35, "6,574 tok/s/GPU", "total tok/s/GPU"),
        ("output_throughput", 812.3, "812 tok/s", "output tok/s"),
        ("request_throughput", 4.2, "4.20 req/s", "requests/s"),
        ("goodput", 3.14159, "3.14 req/s", "goodput"),
        ("error_rate", 0.02, "2.0 %", "errors"),
        ("tpot_p50", None, "–", "TPOT P50"),
    ],
)
def test_a_metric_has_its_unit_and_its_title(
    name: str, value: float | None, text: str, title: str
) -> None:
    assert figures.metric(name, value) == text
    assert figures.metric_title(name) == title


def test_metrics_in_a_sentence_have_their_titles_and_nothing_else_changes() -> None:
    said = "no alternative: ttft_p99.9 of 2 s is over 1 s; e2e_latency_mean is; max_num_seqs."
    assert figures.with_titles(said) == (
        "no alternative: TTFT P99.9 of 2 s is over 1 s; E2E mean is; max_num_seqs."
    )


def test_a_score_compares_with_those_of_older_files() -> None:
    assert figures.score(None) == "–"
    assert figures.score(1.61234) == "1.6123"
    assert figures.score(-4382.9122) == "-4382.91"
    assert figures.score(5.8e9) == "5.8e+09"
