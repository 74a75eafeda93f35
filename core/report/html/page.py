"""The whole page: one file that needs nothing beside it."""

from html import escape

from core.report.characters import one_line
from core.report.conclusion import Conclusion
from core.report.findings import Findings
from core.report.html import sections
from core.report.html.look import script, style
from core.report.svg import draw


def html_page(conclusion: Conclusion, found: Findings) -> str:
    """Return the report of a run as one HTML document."""
    drawn = draw(conclusion, found)
    parts = [
        sections.head(conclusion, found),
        sections.tiles(found),
        sections.hand_over(conclusion, found),
        sections.against_defaults(found),
        "<h2>What was found</h2>" if drawn else "",
        sections.chart("scatter", drawn),
        sections.chart("load", drawn),
        sections.chart("best", drawn),
        sections.effects(found, drawn),
        sections.failures(found),
        sections.alternatives(conclusion, found),
        sections.experiments(conclusion),
        sections.chart("spread", drawn),
        sections.chart("timeline", drawn),
        sections.cautions(found),
        sections.manifest(conclusion, found),
    ]
    title = escape(one_line(f"{found.manifest.task}: {found.headline}"))
    version = f" {found.manifest.autotuner}" if found.manifest.autotuner else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{title}</title>\n<style>\n{style()}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + f"\n<footer>Written by inference-autotuner{version}.</footer>\n</main>\n"
        f"<script>\n{script()}</script>\n</body>\n</html>\n"
    )
