"""Lines of styled text, before any terminal. Pure.

A line is a tuple of spans, each a text with the names of its styles (`tui.palette` says what they
look like). Everything that the app draws itself is made of these, so that what a screen shows can
be tested as values, and two pictures can be compared cell by cell.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from rich.cells import cell_len, set_cell_size

Align: TypeAlias = Literal["left", "right"]


class Span(NamedTuple):
    """A piece of text in one style."""

    text: str
    style: str = ""
    """Names of styles, separated by spaces; the later ones win."""


Line: TypeAlias = tuple[Span, ...]

EMPTY: Line = ()
ELLIPSIS = "…"


def line(*parts: "str | Span | Line") -> Line:
    """Return a line made of texts, spans and lines."""
    spans: list[Span] = []
    for part in parts:
        if isinstance(part, str):
            spans.append(Span(part))
        elif isinstance(part, Span):
            spans.append(part)
        else:
            spans.extend(part)
    return tuple(span for span in spans if span.text)


def length(of: Line) -> int:
    """Return the cells that a line takes; a wide character takes two."""
    return sum(cell_len(span.text) for span in of)


def plain(of: Line) -> str:
    """Return a line's text."""
    return "".join(span.text for span in of)


def crop(of: Line, width: int) -> Line:
    """Return a line of at most `width` cells; one that was longer ends in an ellipsis."""
    if length(of) <= width:
        return of
    if width <= 0:
        return EMPTY
    kept: list[Span] = []
    room = width - 1
    for span in of:
        size = cell_len(span.text)
        if size >= room:
            kept.append(Span(set_cell_size(span.text, room) + ELLIPSIS, span.style))
            return tuple(kept)
        kept.append(span)
        room -= size
    return tuple(kept)


def fit(of: Line, width: int, align: Align = "left", style: str = "") -> Line:
    """Return a line of exactly `width` cells: cropped, or filled up with spaces in `style`."""
    cropped = crop(of, width)
    gap = width - length(cropped)
    if gap <= 0:
        return cropped
    filling = Span(" " * gap, style)
    return (*cropped, filling) if align == "left" else (filling, *cropped)


def between(left: Line, right: Line, width: int) -> Line:
    """Return a line of exactly `width` cells with one part at each end; the left one gives way."""
    right = crop(right, width)
    room = width - length(right)
    if not right:
        return fit(left, width)
    return (*fit(crop(left, max(0, room - 1)), room), *right)


def restyle(of: Line, style: str) -> Line:
    """Return a line with `style` laid over the styles it has."""
    return tuple(Span(span.text, f"{span.style} {style}".strip()) for span in of)


def joined(parts: Iterable[Line], separator: Span | str) -> Line:
    """Return lines that are not empty one after the other, with a separator between them."""
    spans: list[Span] = []
    between_them = Span(separator) if isinstance(separator, str) else separator
    for part in parts:
        if part:
            spans += [between_them, *part] if spans else part
    return tuple(spans)


def wrap(
    text: str, width: int, style: str = "", *, most: int | None = None, indent: int = 0
) -> list[Line]:
    """Return `text` broken at spaces into lines of `width` cells.

    Args:
        most: how many lines there may be; the last of more ends in an ellipsis.
        indent: spaces at the beginning of each line.
    """
    if indent:
        edge = Span(" " * indent)
        return [line(edge, row) for row in wrap(text, width - indent, style, most=most)]
    lines: list[str] = []
    for paragraph in text.split("\n"):
        row = ""
        for word in paragraph.split(" "):
            longer = f"{row} {word}" if row else word
            if cell_len(longer) <= width:
                row = longer
                continue
            if row:
                lines.append(row)
            while cell_len(word) > width > 0:
                piece = set_cell_size(word, width).rstrip()
                lines.append(piece)
                word = word[len(piece) :]
            row = word
        lines.append(row)
    if most is not None and len(lines) > most:
        last = set_cell_size(lines[most - 1], width - 1).rstrip()
        lines = [*lines[: most - 1], f"{last}{ELLIPSIS}"]
    return [crop((Span(row, style),), width) if row else EMPTY for row in lines]


def cells(of: Line) -> list[tuple[str, str]]:
    """Return each cell's character and style; the second cell of a wide character is empty."""
    found: list[tuple[str, str]] = []
    for text, style in of:
        for character in text:
            size = cell_len(character)
            if size == 0:
                if found:
                    found[-1] = (found[-1][0] + character, found[-1][1])
                continue
            found.append((character, style))
            found += [("", style)] * (size - 1)
    return found


def from_cells(row: Sequence[tuple[str, str]]) -> Line:
    """Return the line that has these cells."""
    spans: list[Span] = []
    for character, style in row:
        if spans and spans[-1].style == style:
            spans[-1] = Span(spans[-1].text + character, style)
        else:
            spans.append(Span(character, style))
    return tuple(spans)


def differences(old: Line, new: Line) -> list[tuple[int, int]]:
    """Return the runs of cells that differ: the first cell of each, and the one after its last.

    Runs that lie close together are one: to move the cursor and set the colour again costs more.
    """
    if old == new:
        return []
    before, after = cells(old), cells(new)
    longest = max(len(before), len(after))
    blank = (" ", "")
    before += [blank] * (longest - len(before))
    after += [blank] * (longest - len(after))
    runs: list[tuple[int, int]] = []
    for at in range(longest):
        if before[at] == after[at]:
            continue
        if runs and at - runs[-1][1] <= _CLOSE:
            runs[-1] = (runs[-1][0], at + 1)
        else:
            runs.append((at, at + 1))
    return runs


_CLOSE = 12
"""Cells; about what the escape sequences between two runs take in bytes."""
