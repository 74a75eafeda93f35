"""`autotuner report` and `compare`: what a run teaches, on the terminal or in files."""

import asyncio
import sys
from pathlib import Path
from typing import TypeVar

from core.cli.looking import conclusion_of
from core.cli.output import write
from core.errors import UsageError
from core.report import Conclusion, Findings, findings
from core.report.blocks import blocks
from core.report.comparison_table import COMPARE_FORMATS, CompareFormat, comparison, comparison_json
from core.report.handing_on import REPORT_FORMATS, ReportFormat, everything, report
from core.report.html.page import page_of_blocks
from core.report.markdown import to_markdown
from core.report.svg.canvas import Canvas, own_file
from core.report.svg.charts import WIDE, draw
from core.report.svg.png import png
from core.report.terminal import print_blocks, to_text

F = TypeVar("F", bound=str)


def write_report(
    ref: str, form: ReportFormat | None, output: Path | None, chart: str | None
) -> int:
    """Write the report of a task: to the terminal, to a file, or all of it into a folder.

    Args:
        ref: what finds the task.
        form: the format; None: that of the file's suffix, and `txt` without a file.
        output: a file; a folder, or a path that ends in a slash, gets every format.
        chart: the name of a single chart, as SVG, or as PNG for a file that ends in .png.

    Raises:
        UsageError: there is no such task, format or chart.
        HostError: a file cannot be written.
    """
    if chart is not None:
        _check_chart(form, output)
    form = form or _format_of(output, chart)
    conclusion = asyncio.run(conclusion_of(ref))
    found = findings(conclusion)
    if chart is not None:
        canvas = _chart(conclusion, found, chart)
        as_png = output is not None and output.suffix.lower() == ".png"
        write(output, png(canvas) if as_png else own_file(canvas))
    elif output is not None and form is None:
        files = everything(conclusion, found)
        for name, text in files.items():
            write(output / name, text)
        print(f"{len(files)} files in {output}, the page is {output / 'report.html'}")
    elif output is None and form in {None, "txt"}:
        print_blocks(blocks(conclusion, found, experiments=False), sys.stdout)
    else:
        write(output, report(conclusion, found, form or "txt"))
    return 0


def compare(refs: list[str], form: CompareFormat | None, output: Path | None) -> int:
    """Write what several tasks came to, side by side.

    Args:
        refs: what finds them.
        form: the format; None: that of the file's suffix, and `txt` without a file.
        output: a file; None: the terminal.

    Raises:
        UsageError: there is no such task or format.
        HostError: the file cannot be written.
    """
    form = form or (_named_format(output, COMPARE_FORMATS) if output else None)
    conclusions = [asyncio.run(conclusion_of(ref)) for ref in refs]
    runs = [(conclusion, findings(conclusion)) for conclusion in conclusions]
    if form == "json":
        write(output, comparison_json(runs))
    elif form == "md":
        write(output, to_markdown(comparison(runs)))
    elif form == "html":
        title = " · ".join(found.manifest.task for _, found in runs)
        write(output, page_of_blocks(title, comparison(runs)))
    elif output is None:
        print_blocks(comparison(runs), sys.stdout)
    else:
        write(output, to_text(comparison(runs)))
    return 0


def _format_of(output: Path | None, chart: str | None) -> ReportFormat | None:
    """Return the format that a file's name asks for; None for a folder or the terminal."""
    if output is None or chart is not None or _is_folder(output) or not output.suffix:
        return None
    return _named_format(output, REPORT_FORMATS)


def _is_folder(output: Path) -> bool:
    """Return whether it is a folder; what cannot be looked at is told when it cannot be written."""
    try:
        return output.is_dir()
    except OSError:
        return False


def _named_format(output: Path, formats: tuple[F, ...]) -> F:
    suffix = output.suffix[1:].lower()
    named = {"htm": "html", "markdown": "md", "text": "txt"}.get(suffix, suffix)
    for form in formats:
        if form == named:
            return form
    known = ", ".join(f".{form}" for form in formats)
    raise UsageError(f"{output}: cannot tell the format; end it in {known}, or add --format")


def _check_chart(form: ReportFormat | None, output: Path | None) -> None:
    if form is not None:
        raise UsageError(f"--chart and --format {form} do not go together; a chart is SVG or PNG")
    if output is not None and output.suffix.lower() not in {".svg", ".png"}:
        raise UsageError(f"{output}: a chart is a drawing; end its file in .svg or .png")


def _chart(conclusion: Conclusion, found: Findings, name: str) -> Canvas:
    drawn = draw(conclusion, found)
    if name not in drawn:
        raise UsageError(f"there is no chart {name} of this task; there is {', '.join(drawn)}")
    canvas = drawn[name].drawn(WIDE)
    assert canvas is not None
    return canvas
