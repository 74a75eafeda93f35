"""The report on a terminal or in a text file: the same blocks, in the width there is."""

import io
from collections.abc import Iterable
from typing import TextIO

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from core.report.blocks import Block, Bullets, Code, Grid, Heading, Words
from core.report.characters import ascii_only, one_line


def print_blocks(parts: Iterable[Block], file: TextIO, *, width: int | None = None) -> None:
    """Print a report.

    Args:
        width: columns to fit into; by default the terminal's, or 80 where there is none.
    """
    console = Console(file=file, width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        for part in parts:
            if isinstance(part, Code):
                # Nothing that is to be copied may be broken by the terminal's width.
                console.print(Text(part.text), soft_wrap=True)
            else:
                console.print(_drawn(part))
    text = capture.get()
    file.write(text if console.encoding.startswith("utf") else ascii_only(text))


def _drawn(part: Heading | Words | Bullets | Grid) -> RenderableType:
    match part:
        case Heading(level=1):
            return Text(_plain(part.text), "bold reverse")
        case Heading():
            style = "bold" if part.level == 2 else "italic"
            return Text(f"\n{_plain(part.text)}", style)
        case Words():
            return Text(_plain(part.text))
        case Bullets():
            table = Table.grid(padding=(0, 1))
            for item in part.items:
                table.add_row("·", Text(_plain(item), overflow="fold"))
            return table
        case Grid():
            return _table(part)


def _table(part: Grid) -> RenderableType:
    titled = any(part.heads)
    table = Table(box=box.SIMPLE_HEAD if titled else None, show_header=titled, pad_edge=False)
    table.show_edge = False
    empty = [not any(row[n] for row in part.rows) for n in range(len(part.heads))]
    for head, unused in zip(part.heads, empty, strict=True):
        if not unused:
            table.add_column(_plain(head), overflow="fold")
    for row in part.rows:
        cells = [cell for cell, unused in zip(row, empty, strict=True) if not unused]
        table.add_row(*(Text(_plain(cell)) for cell in cells))
    return Padding(table, (0, 0, 0, 1))


def _plain(text: str) -> str:
    return one_line(text).replace("`", "")


def to_text(parts: Iterable[Block], width: int = 100) -> str:
    """Return a report as plain text of so many columns."""
    buffer = _Utf8Buffer()
    print_blocks(parts, buffer, width=width)
    return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().splitlines())


class _Utf8Buffer(io.StringIO):
    encoding = "utf-8"
