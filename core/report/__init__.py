"""What is handed on: a run as it goes, its result, its exports, its launch command."""

from core.report.conclusion import Conclusion
from core.report.document import RunDocument, run_document
from core.report.export import Format, export, to_csv, to_json, to_yaml
from core.report.findings import Findings, findings
from core.report.launch import launch_command
from core.report.progress import Progress, progress_on
from core.report.result import print_result

__all__ = [
    "Conclusion",
    "Findings",
    "Format",
    "Progress",
    "RunDocument",
    "export",
    "findings",
    "launch_command",
    "print_result",
    "progress_on",
    "run_document",
    "to_csv",
    "to_json",
    "to_yaml",
]
