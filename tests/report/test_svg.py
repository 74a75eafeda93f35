"""Charts: well-formed, whole at both widths, and never without the line of an SLO."""

from xml.etree import ElementTree as ET

import pytest

from core.report import findings
from core.report.quantities import quantity
from core.report.svg import CHARTS, draw
from core.report.svg.canvas import Canvas, own_file, width_of
from core.report.svg.charts import NARROW, WIDE
from core.report.svg.effects import effects
from core.report.svg.plot import Axis, Plot
from core.report.svg.scatter import scatter
from core.verdict.effects import Effect
from tests.report.published import published
from tests.report.served import served

SVG = "{http://www.w3.org/2000/svg}"


def elements(canvas: Canvas | None, tag: str, kind: str) -> list[ET.Element]:
    assert canvas is not None
    root = ET.fromstring(own_file(canvas))
    return [e for e in root.iter(f"{SVG}{tag}") if kind in (e.get("class") or "").split()]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_chart_is_drawn_within_its_edges(width: float) -> None:
    run = served()
    drawn = draw(run, findings(run))
    assert set(drawn) == set(CHARTS)
    for chart in drawn.values():
        canvas = chart.drawn(width)
        assert canvas is not None
        root = ET.fromstring(own_file(canvas))
        for mark in root.iter(f"{SVG}circle"):
            assert 0 <= float(mark.get("cx", "-1")) <= canvas.width
            assert 0 <= float(mark.get("cy", "-1")) <= canvas.height
        assert "nan" not in own_file(canvas).lower()


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("high", [0.96, 1.0, 2.05])
def test_no_figure_below_the_effects_is_cut(width: float, high: float) -> None:
    effect = Effect(
        flag="kv-cache-dtype",
        value="fp8",
        other=None,
        metric="ttft_p90",
        change=0.87,
        low=0.78,
        high=high,
        basis="fresh",
        pairs=3,
    )
    canvas = effects([effect], "ttft_p90", more_is_better=False, width=width)
    assert canvas is not None
    texts = [part for part in canvas.parts if part.tag == "text" and part.anchor == "middle"]
    assert texts
    for part in texts:
        assert part.places[0][0] + width_of(part.words) / 2 <= canvas.width


def test_an_slo_on_x_is_vertical_and_on_y_horizontal() -> None:
    run = published()
    latency, rate = "e2e_latency_p90", "total_throughput_per_gpu"
    [line] = elements(scatter(run, latency, rate, width=WIDE), "line", "slo")
    assert line.get("x1") == line.get("x2")
    [line] = elements(scatter(run, rate, latency, width=WIDE), "line", "slo")
    assert line.get("y1") == line.get("y2")
    assert elements(scatter(run, "ttft_mean", rate, width=WIDE), "line", "slo") == []


@pytest.mark.parametrize("limit", [0.01, 900.0])
@pytest.mark.parametrize("on_x", [True, False])
def test_an_slo_out_of_range_is_an_arrow_with_its_value(limit: float, *, on_x: bool) -> None:
    canvas = Canvas(WIDE, 400, "t")
    near = Axis.of(quantity("ttft_p90"), [5.0, 6.0, 7.0], [limit])
    other = Axis.of(quantity("total_throughput"), [1.0, 2.0])
    Plot(canvas, near if on_x else other, other if on_x else near).slos()
    assert elements(canvas, "line", "slo") == []
    assert len(elements(canvas, "path", "slo-arrow")) == 1
    [label] = elements(canvas, "text", "slo-label")
    assert label.text == ("SLO: 10 ms" if limit < 1 else "SLO: 900 s")


def test_words_of_foreign_origin_are_escaped() -> None:
    canvas = Canvas(100, 100, "<a> & b")
    canvas.text((1, 1), "<script>&")
    canvas.circle((1, 1), 2, "ok", 'tip "x" <y>')
    ET.fromstring(own_file(canvas))
    assert "<script>" not in own_file(canvas)


def test_a_bitmap_has_the_red_line_and_words_in_it() -> None:
    import io

    from PIL import Image

    from core.report.svg.png import SCALE, png

    run = published()
    canvas = scatter(run, "e2e_latency_p90", "total_throughput_per_gpu", width=WIDE)
    assert canvas is not None
    image = Image.open(io.BytesIO(png(canvas))).convert("RGB")
    assert image.size == (round(canvas.width * SCALE), round(canvas.height * SCALE))
    [line] = [part for part in canvas.parts if part.tag == "line" and part.kind == "slo"]
    column = round(line.places[0][0] * SCALE)
    rows = range(round(line.places[0][1] * SCALE), round(line.places[1][1] * SCALE))
    red = sum(image.getpixel((column, row)) == (200, 30, 30) for row in rows)
    assert 0.4 < red / len(rows) < 0.8  # dashes of 6, gaps of 4
