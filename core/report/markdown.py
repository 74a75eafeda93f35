"""The report in Markdown, as GitHub and most wikis read it."""

import re
from collections.abc import Iterable

from core.report.blocks import Block, Bullets, Code, Grid, Heading, Words
from core.report.characters import one_line

_MEANT_OTHERWISE = re.compile(r"([\\*_<>\[\]|#~])")
_CODE = re.compile(r"(`[^`]*`)")


def to_markdown(parts: Iterable[Block]) -> str:
    """Return the blocks as Markdown; whatever would mean something to Markdown is escaped."""
    return "\n".join(_block(part) for part in parts)


def _block(part: Block) -> str:
    match part:
        case Heading():
            return f"{'#' * part.level} {_escaped(part.text)}\n"
        case Words():
            return f"{_escaped(part.text)}\n"
        case Bullets():
            return "".join(f"- {_escaped(item)}\n" for item in part.items)
        case Grid():
            rows = [part.heads, tuple("---" for _ in part.heads), *part.rows]
            return "".join(f"| {' | '.join(_cell(c) for c in row)} |\n" for row in rows)
        case Code():
            fence = "`" * max(3, 1 + _longest_ticks(part.text))
            return f"{fence}{part.language}\n{part.text}\n{fence}\n"


def _cell(text: str) -> str:
    return text if text == "---" else _escaped(text)


def _escaped(text: str) -> str:
    """Return one line of words; what stands between backquotes stays code."""
    parts = _CODE.split(one_line(text))
    return "".join(
        part.replace("|", "\\|") if part.startswith("`") else _MEANT_OTHERWISE.sub(r"\\\1", part)
        for part in parts
    )


def _longest_ticks(text: str) -> int:
    return max((len(ticks) for ticks in re.findall("`+", text)), default=0)
