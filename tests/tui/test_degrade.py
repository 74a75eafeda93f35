"""What stands for a sign in a terminal that lacks it still tells it from the others."""

import pytest

from tui.chart.spec import GLYPHS, VERDICTS
from tui.degrade import ascii_cells


@pytest.mark.parametrize(
    "signs",
    [
        [key.glyph for key in VERDICTS.values()],
        GLYPHS,
        "▲▼≈",
        "✓✗!",
        "▸▪◆★",
    ],
)
def test_signs_that_mean_different_things_stay_different(signs: list[str] | str) -> None:
    shown = [ascii_cells(sign) for sign in signs]
    assert len(set(shown)) == len(signs), shown
    assert all(sign.isascii() and sign != "?" for sign in shown)
