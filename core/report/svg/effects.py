"""What each flag does to a metric: a point with its interval, beside the line of no effect."""

from collections.abc import Sequence

from core.report import figures, wording
from core.report.scale import Scale, ticks
from core.report.svg.canvas import SIZE, Canvas, shortened, width_of
from core.task import spell
from core.verdict.effects import Effect

MOST_ROWS = 14


def effects(
    found: Sequence[Effect], metric: str, *, more_is_better: bool, width: float
) -> Canvas | None:
    """Return the chart of one metric; None where nothing is known of it."""
    known = [effect for effect in found if effect.metric == metric]
    rows = sorted(known, key=lambda effect: not effect.proved)[:MOST_ROWS]
    if not rows:
        return None
    narrow = width < 500
    pitch = 44 if narrow else 28
    height = 34 + pitch * len(rows) + 40
    canvas = Canvas(width, height, f"Effect of each flag on {figures.metric_title(metric)}")
    labels = [_label(effect) for effect in rows]
    longest = max(width_of(label) for label in labels)
    left = 14 if narrow else min(longest, width * 0.46) + 22
    figure_room = 8.0 if narrow else 150.0
    right = width - figure_room
    low = max(-0.95, min([*(e.low for e in rows), -0.05]))
    high = min(4.0, max([*(e.high for e in rows), 0.05]))
    margin = 0.06 * (high - low)
    scale = Scale(low - margin, high + margin)

    def at(share: float) -> float:
        return left + min(1.0, max(0.0, scale.fraction(share))) * (right - left)

    top, bottom = 28.0, height - 36
    for tick in ticks(scale, 5 if narrow else 8):
        canvas.line((at(tick), top), (at(tick), bottom), "grid")
        words = f"{tick * 100:+.0f} %" if tick else "0 %"
        half = width_of(words) / 2
        canvas.text((min(at(tick), width - half - 6), bottom + 16), words, anchor="middle")
    canvas.line((at(0.0), top - 4), (at(0.0), bottom), "zero")
    better = "right" if more_is_better else "left"
    against = "" if narrow else " against the recommended value"
    title = f"{figures.metric_title(metric)}, change{against} ({better} is better)"
    canvas.text((4, SIZE + 2), title, "title")
    for number, (effect, label) in enumerate(zip(rows, labels, strict=True)):
        row = top + pitch * number + (pitch * 0.72 if narrow else pitch / 2)
        way = _way(effect, more_is_better=more_is_better)
        told = wording.effect(effect).replace("`", "")
        canvas.line((at(effect.low), row), (at(effect.high), row), _WHISKERS[way], told)
        shape = "diamond" if effect.basis == "fresh" else "circle"
        canvas.mark((at(effect.change), row), shape, 5.0, way, told)
        if narrow:
            canvas.text((4, row - 11), shortened(label, width - 8), "mono")
            continue
        canvas.text((left - 14, row + 4), shortened(label, left - 18), "mono", anchor="end")
        ends = f"{effect.change * 100:+.0f} % [{effect.low * 100:+.0f}, {effect.high * 100:+.0f}]"
        canvas.text((width - 4, row + 4), ends, "mono" if effect.proved else "", anchor="end")
    return canvas


_WHISKERS = {"up": "whisker-up", "down": "whisker-down", "unsure": "whisker"}


def _way(effect: Effect, *, more_is_better: bool) -> str:
    """Return whether the other value is better (`down`), worse (`up`), or nobody knows."""
    if not effect.proved:
        return "unsure"
    return "down" if (effect.change > 0) == more_is_better else "up"


def _label(effect: Effect) -> str:
    other = "left out" if effect.other is None else spell(effect.other)
    value = "left out" if effect.value is None else spell(effect.value)
    return f"{effect.flag} {other} (for {value})"
