"""The range of an axis: which limits it is widened for."""

import pytest

from core.report.scale import scale


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.0858], True),
        ([0.0858, 0.0862], True),  # as good as one figure
        ([0.05, 0.12], True),
        ([0.08, 0.09], False),  # they would be crushed into a tenth of the axis
        ([0.01, 0.0101], False),
    ],
)
def test_an_axis_is_widened_for_a_limit_unless_that_crushes_the_data(
    values: list[float], *, shown: bool
) -> None:
    found = scale(values, [0.2])
    assert found.low <= min(values)
    assert found.high >= max(values)
    assert (0.0 <= found.fraction(0.2) <= 1.0) is shown
