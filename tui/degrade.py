"""Filters between the screens and terminals that lack colours or characters.

They sit at the one place that every line passes on its way out, so nothing else has to care. Each
character keeps its width, so nothing moves.
"""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

_STAND_INS = {
    "✓": "+", "✗": "x", "★": "*", "◆": "d", "◉": "@", "●": "o", "○": "O", "•": ".", "▶": ">",
    "▸": ">", "▪": "#", "■": "#", "□": "=", "▲": "^", "▼": "v", "△": "A", "…": "~",
    "·": "-", "–": "-", "—": "-", "−": "-", "×": "x",
    "→": ">", "←": "<", "↑": "^", "↓": "v", "↵": "<", "⏎": "<", "≤": "<", "≥": ">", "≈": "~",
    "µ": "u", "μ": "u", "σ": "s", "±": "~", "°": "'", "█": "#", "▓": "#", "▒": ":", "░": ".",
    "▏": "|", "▎": "|", "▍": "|", "▌": "|", "▋": "#", "▊": "#", "▉": "#", "▐": "|",
    "▁": "_", "▂": ".", "▃": ".", "▄": "-", "▅": "=", "▆": "=", "▇": "#", "▔": "-",
    "─": "-", "━": "=", "│": "|", "┃": "|", "╌": "-", "╎": "|", "┄": "-", "┆": "|",
    "“": '"', "”": '"', "‘": "'", "’": "'", "«": "<", "»": ">", "‹": "<", "›": ">",
}  # fmt: skip


@lru_cache(8192)
def ascii_cells(text: str) -> str:
    """Return `text` in ASCII, as many cells wide as it was."""
    return text if text.isascii() else "".join(map(_stand_in, text))


@lru_cache(4096)
def _stand_in(character: str) -> str:
    if character.isascii():
        return character
    if character in _STAND_INS:
        return _STAND_INS[character]
    if "\u2500" <= character <= "\u257f":  # other box drawing: corners and crossings
        return "+"
    if "\u2800" <= character <= "\u28ff":  # braille
        return " " if character == "\u2800" else "."
    width = cell_len(character)
    base = unicodedata.normalize("NFKD", character)[0]
    return base if width == 1 and base.isascii() else "?" * width


class AsciiOnly(LineFilter):
    """Puts a stand-in for every character that is not ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """Return the segments in ASCII."""
        return [Segment(ascii_cells(text), style, control) for text, style, control in segments]


class Colourless(LineFilter):
    """Takes all colours away and leaves bold, underlined and reversed as they are."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """Return the segments without colours."""
        return [
            Segment(text, None if style is None else _without_colour(style), control)
            for text, style, control in segments
        ]


@lru_cache(1024)
def _without_colour(style: Style) -> Style:
    return Style(
        bold=style.bold,
        underline=style.underline,
        reverse=style.reverse,
        strike=style.strike,
        meta=style.meta or None,
    )


def filters(*, ascii_only: bool, colour: bool) -> Iterable[LineFilter]:
    """Return what a terminal needs."""
    if not colour:
        yield Colourless()
    if ascii_only:
        yield AsciiOnly()
