"""Which experiment goes first, and how many side by side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.run.packing import MOST_PASSED_OVER, Waiting, first_to_begin, width


def test_the_longest_that_fits_goes_first() -> None:
    waiting = [Waiting(1, 60.0), Waiting(4, 300.0), Waiting(2, 120.0)]
    assert first_to_begin(waiting, 8, idle=False) == 1
    assert first_to_begin(waiting, 3, idle=False) == 2
    assert first_to_begin(waiting, 1, idle=False) == 0
    assert first_to_begin(waiting, 0, idle=False) is None
    assert first_to_begin([], 8, idle=True) is None


def test_what_was_passed_over_long_enough_gets_its_turn() -> None:
    waiting = [Waiting(1, 60.0), Waiting(4, 300.0, MOST_PASSED_OVER)]
    assert first_to_begin(waiting, 3, idle=False) is None
    assert first_to_begin(waiting, 4, idle=False) == 1


def test_what_fits_nowhere_is_begun_when_nothing_is_under_way() -> None:
    assert first_to_begin([Waiting(16, 60.0)], 8, idle=True) == 0


@given(
    st.lists(st.builds(Waiting, st.integers(1, 8), st.floats(0, 1e4), st.integers(0, 5))),
    st.integers(0, 8),
)
def test_nothing_is_begun_that_does_not_fit(waiting: list[Waiting], free: int) -> None:
    place = first_to_begin(waiting, free, idle=False)
    assert place is None or waiting[place].gpus <= free


@pytest.mark.parametrize(
    ("asked", "gpus", "needed", "processors", "found"),
    [
        ("auto", 8, 2, 64, 4),
        ("auto", 8, 1, 4, 2),
        ("auto", 8, 16, 64, 1),
        ("auto", 0, 0, 64, 1),
        (4, 8, 1, 2, 4),
        (4, 2, 1, 64, 2),
        (4, 0, 0, 64, 1),
    ],
)
def test_width(asked: int | str, gpus: int, needed: int, processors: int, found: int) -> None:
    assert width(asked, gpus, needed, processors) == found
