"""A course of figures as one line of little bars. Pure."""

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(course: Sequence[float | None], width: int, low: float, high: float) -> str:
    """Return the newest `width` figures, the newest on the right; a gap where there is none.

    Args:
        course: the figures, at equal steps.
        low: what the lowest bar stands for.
        high: what the highest stands for; figures outside are drawn as the end they are beyond.
    """
    newest = list(course)[-width:] if width > 0 else []
    bars = "".join(_bar(figure, low, high) for figure in newest)
    return bars.rjust(max(0, width))


def _bar(figure: float | None, low: float, high: float) -> str:
    if figure is None or math.isnan(figure):
        return " "
    share = (figure - low) / (high - low) if high > low else 0.0
    within = 0.0 if math.isnan(share) else min(max(share, 0.0), 1.0)
    return BARS[min(len(BARS) - 1, int(within * len(BARS)))]
