"""Small pieces of HTML. Everything that goes in is escaped; only these functions write tags."""

import re
from collections.abc import Iterable, Sequence
from html import escape

from core.report.characters import one_line

_CODE = re.compile(r"`([^`]*)`")
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=m?s\b)| (?=%)")


def words(text: str) -> str:
    """Return text in one line, with what stands between backquotes as code."""
    plain = _BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", escape(one_line(text)))
    return _CODE.sub(r"<code>\1</code>", plain)


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph of words."""
    named = f' class="{kind}"' if kind else ""
    return f"<p{named}>{words(text)}</p>"


def listing(items: Iterable[str], kind: str = "plain") -> str:
    """Return a list of words; empty for none."""
    rows = "".join(f"<li>{words(item)}</li>" for item in items)
    return f'<ul class="{kind}">{rows}</ul>' if rows else ""


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Sequence[int] = (),
    kinds: Sequence[str] = (),
) -> str:
    """Return a table.

    Args:
        heads: titles, as words.
        rows: cells, as HTML.
        right: columns of figures.
        kinds: a class for each row.
    """

    def cell(tag: str, number: int, content: str) -> str:
        named = ' scope="col"' if tag == "th" else ""
        named += ' class="number"' if number in right else ""
        return f"<{tag}{named}>{content}</{tag}>"

    head = "".join(cell("th", n, words(text)) for n, text in enumerate(heads))
    body = "".join(
        f'<tr class="{kinds[place] if kinds else ""}">'
        + "".join(cell("td", n, content) for n, content in enumerate(row))
        + "</tr>"
        for place, row in enumerate(rows)
    )
    whole = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{whole}</div>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names with their facts, but for those without any."""
    rows = "".join(f"<dt>{words(k)}</dt><dd>{words(v)}</dd>" for k, v in pairs if v)
    return f"<dl>{rows}</dl>"


def preformatted(text: str) -> str:
    """Return text to be copied."""
    return f'<div class="copyable"><pre>{escape(text)}</pre></div>'
