"""The whole page: one file that needs nothing beside it."""

from collections.abc import Iterable
from html import escape

from core import __version__
from core.report.blocks import Block, Bullets, Code, Grid, Heading, Words
from core.report.characters import one_line
from core.report.conclusion import Conclusion
from core.report.findings import Findings
from core.report.html import markup, sections
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
    title = f"{found.manifest.task}: {found.headline}"
    return _document(title, parts, found.manifest.autotuner)


def page_of_blocks(title: str, blocks: Iterable[Block]) -> str:
    """Return blocks of text as one HTML document."""
    return _document(title, map(_block, blocks), __version__)


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"<h{block.level}>{markup.words(block.text)}</h{block.level}>"
        case Words():
            return markup.paragraph(block.text)
        case Bullets():
            return markup.listing(block.items)
        case Grid():
            rows = [[markup.words(cell) for cell in row] for row in block.rows]
            return markup.table(block.heads, rows)
        case Code():
            return markup.preformatted(block.text)


def _document(title: str, parts: Iterable[str], version: str) -> str:
    """Return a document that needs nothing beside it; `version` is that of this program."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(one_line(title))}</title>\n<style>\n{style()}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + f"\n<footer>Written by inference-autotuner{version and ' '}{version}.</footer>\n</main>\n"
        f"<script>\n{script()}</script>\n</body>\n</html>\n"
    )
