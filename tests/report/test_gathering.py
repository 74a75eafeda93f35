"""Several of the same in one sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.report.findings import Caution
from core.report.gathering import experiments, in_ranges, numbers, shape
from core.report.wording import cautions


@pytest.mark.parametrize(
    ("those", "written"),
    [([], ""), ([3], "3"), ([3, 3, 4], "3, 4"), ([9, 1, 2, 3], "1-3, 9"), ([5, 7], "5, 7")],
)
def test_experiments_in_a_row_are_a_range(those: list[int], written: str) -> None:
    assert numbers(those) == written
    several = len(set(those)) > 1
    assert experiments(those) == (f"experiment{'s' * several} {written}" if those else "")


def test_what_differs_only_in_figures_is_told_once() -> None:
    found = (
        Caution(text="time was up after 8 of 24 requests", experiment=1),
        Caution(text="time was up after 20 of 24 requests", experiment=2),
        Caution(text="drift of 2.5 %"),
        Caution(text="others computed: python (PID 17)", experiment=3),
        Caution(text="others computed: python (PID 4)", experiment=4),
    )
    assert cautions(found) == (
        "experiments 1, 2: time was up after 8 to 20 of 24 requests",
        "drift of 2.5 %",
        "experiments 3, 4: others computed: python",
    )


@given(st.lists(st.integers(0, 999), min_size=1))
def test_a_range_goes_from_the_least_to_the_most(values: list[int]) -> None:
    least, most = min(values), max(values)
    written = str(least) if least == most else f"{least} to {most}"
    assert in_ranges([f"{value} of 24" for value in values]) == f"{written} of 24"


@given(st.text("ab 1.2\0-"))
def test_a_text_alone_stays_as_it_is(text: str) -> None:
    assert in_ranges([text]) == text
    assert shape(text) == shape(shape(text))
