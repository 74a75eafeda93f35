"""Writing a chart to a file: as a picture to show, or as the figures behind it."""

import asyncio
import csv
import html
import io
from dataclasses import dataclass
from typing import Literal, TypeAlias

from core.errors import HostError
from core.paths import path_of
from core.report.svg.canvas import Canvas, own_file
from core.report.svg.png import png
from tui.chart.picture import picture
from tui.chart.spec import Chart
from tui.dialogs.picker import Choice

Form: TypeAlias = Literal["png", "svg", "html", "csv"]

FORMS: tuple[Choice[Form], ...] = (
    Choice("png", "PNG", "a picture"),
    Choice("svg", "SVG", "a drawing that can be scaled"),
    Choice("html", "HTML", "a page with the drawing and its figures"),
    Choice("csv", "CSV", "the figures, a row a point"),
)


@dataclass(frozen=True)
class Picture:
    """A chart that is to be saved."""

    chart: Chart
    title: str
    simulated: bool

    @property
    def drawing(self) -> Canvas:
        """The chart as reports draw theirs."""
        return picture(self.chart, self.title + (" (simulated)" if self.simulated else ""))


async def save(asked: Picture, form: Form, path: str) -> str:
    """Write a picture to a file that is not there yet and return what to say.

    Raises:
        HostError: it cannot be written.
    """
    return await asyncio.to_thread(_write, asked, form, path)


def _write(asked: Picture, form: Form, path: str) -> str:
    target = path_of(path)
    content = content_of(asked, form)
    try:
        with target.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise HostError(f"{target}: cannot be written: {error.strerror}") from None
    return f"written to {target}"


def content_of(asked: Picture, form: Form) -> bytes:
    """Return the file's contents."""
    match form:
        case "png":
            return png(asked.drawing)
        case "svg":
            return own_file(asked.drawing).encode()
        case "html":
            return _page(asked).encode()
        case "csv":
            return _csv(asked.chart).encode()


def _page(asked: Picture) -> str:
    rows = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>\n"
        for row in _rows(asked.chart)
    )
    title = html.escape(asked.title)
    return (
        f"<!doctype html>\n<html lang='en'><meta charset='utf-8'><title>{title}</title>\n"
        "<style>:root{color-scheme:light dark}"
        "body{font-family:system-ui,sans-serif;margin:2em;max-width:1000px}"
        "td{padding:2px 12px 2px 0;border-bottom:1px solid #e4e7ec}svg{max-width:100%;height:auto}"
        f"</style>\n{own_file(asked.drawing)}\n<table>\n{rows}</table>\n</html>\n"
    )


def _csv(chart: Chart) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(_rows(chart))
    return text.getvalue()


def _rows(chart: Chart) -> list[list[str]]:
    """Return the points as rows, figures in seconds and shares of one as everywhere."""
    rows = [["experiment", "level", chart.x.quantity.name, chart.y.quantity.name, "what"]]
    rows += [
        [
            str(point.experiment),
            "" if point.level is None else str(point.level),
            repr(point.x),
            repr(point.y),
            point.text,
        ]
        for point in sorted(chart.points, key=lambda p: (p.experiment, p.level or 0))
    ]
    return rows
