"""A course as little bars."""

from hypothesis import given
from hypothesis import strategies as st

from tui.sparkline import BARS, sparkline


def test_the_newest_stands_on_the_right() -> None:
    assert sparkline([0.0, 0.5, 1.0], 5, 0.0, 1.0) == "  ▁▅█"
    assert sparkline([0.0, 0.5, 1.0], 2, 0.0, 1.0) == "▅█"
    assert sparkline([None, 1.0], 2, 0.0, 1.0) == " █"


@given(st.lists(st.none() | st.floats()), st.integers(-1, 20), st.floats(), st.floats())
def test_any_figures_can_be_drawn(
    course: list[float | None], width: int, low: float, high: float
) -> None:
    drawn = sparkline(course, width, low, high)
    assert len(drawn) == max(0, width)
    assert set(drawn) <= {*BARS, " "}
