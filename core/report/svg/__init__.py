"""Charts as SVG, drawn by hand: no library, no network, the same on a page, in print, as a file."""

from core.report.svg.charts import CHARTS, Chart, draw

__all__ = ["CHARTS", "Chart", "draw"]
