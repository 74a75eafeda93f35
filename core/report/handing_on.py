"""A run in whichever format is asked for, and all of them in one folder."""

from typing import Literal, TypeAlias

from core.report.blocks import blocks
from core.report.conclusion import Conclusion
from core.report.export import to_csv, to_json
from core.report.findings import Findings
from core.report.handover import documents
from core.report.html import html_page
from core.report.markdown import to_markdown
from core.report.svg.canvas import own_file
from core.report.svg.charts import WIDE, draw
from core.report.terminal import to_text

ReportFormat: TypeAlias = Literal["txt", "md", "html", "json", "csv"]

REPORT_FORMATS: tuple[ReportFormat, ...] = ("txt", "md", "html", "json", "csv")


def report(conclusion: Conclusion, found: Findings, form: ReportFormat) -> str:
    """Return the report as the text of a file."""
    match form:
        case "txt":
            return to_text(blocks(conclusion, found, experiments=False))
        case "md":
            return to_markdown(blocks(conclusion, found))
        case "html":
            return html_page(conclusion, found)
        case "json":
            return to_json(conclusion, found)
        case "csv":
            return to_csv(conclusion)


def everything(conclusion: Conclusion, found: Findings) -> dict[str, str]:
    """Return every file of a report by its name: each format, each chart, all to deploy with."""
    files = {f"report.{form}": report(conclusion, found, form) for form in REPORT_FORMATS}
    for name, chart in draw(conclusion, found).items():
        drawn = chart.drawn(WIDE)
        assert drawn is not None
        files[f"chart-{name}.svg"] = own_file(drawn)
    for document in documents(conclusion, found):
        files[document.name] = document.text
    return files
