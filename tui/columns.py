"""Which columns of a table fit into a width, and how wide each gets. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.cells import cell_len

from tui.spans import Align, Line

T = TypeVar("T")

GAP = 2
"""Cells between two columns."""


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column of a table."""

    title: str
    cell: Callable[[T], Line]
    align: Align = "left"
    rank: int = 5
    """How soon it goes when the table is narrow: 0 never does."""
    most: int = 30
    """Cells it may take, however long its contents."""
    stretch: bool = False
    """Whether it takes what is left, and is the one to give way."""
    sort: str | None = None
    """The order that the store calls by this name is by this column."""
    sums_up: frozenset[str] = frozenset()
    """Titles of columns that it sums up: where all of them fit, it is left out."""


@dataclass(frozen=True)
class Place:
    """A column that is shown."""

    index: int
    width: int


def lay_out(
    columns: Sequence[Column[T]], natural: Sequence[int], width: int, skip: int = 0
) -> list[Place]:
    """Choose columns for a width: the important ones, in their order.

    Args:
        columns: all there are.
        natural: the cells that each would like to have.
        width: the cells there are.
        skip: columns, after those that never go, that were scrolled out on the left.
    """
    fixed = [index for index, column in enumerate(columns) if column.rank == 0]
    others = [index for index, column in enumerate(columns) if column.rank]
    by_rank = sorted(others, key=lambda index: columns[index].rank)
    candidates = fixed + (others[skip:] if skip else by_rank)
    widths: dict[int, int] = {}
    left = width
    for index in candidates:
        least = min(natural[index], _LEAST) if columns[index].stretch else natural[index]
        if least + GAP * bool(widths) <= left:
            widths[index] = least
            left -= least + GAP * (len(widths) > 1)
    for index in tuple(widths):
        if _is_said(columns[index], columns, widths):
            left += widths.pop(index) + GAP
    for index in widths:
        if columns[index].stretch:
            more = min(left, natural[index] - widths[index])
            widths[index] += more
            left -= more
    return [Place(index, widths[index]) for index in sorted(widths)]


def hidden(columns: Sequence[Column[T]], places: Sequence[Place]) -> int:
    """Return how many columns say what is not to be seen."""
    shown = {place.index for place in places}
    left_out = [column for at, column in enumerate(columns) if at not in shown]
    return sum(not _is_said(column, columns, shown) for column in left_out)


def _is_said(column: Column[T], columns: Sequence[Column[T]], shown: Iterable[int]) -> bool:
    """Return whether the columns that a column sums up are all shown."""
    titles = {columns[index].title for index in shown}
    return bool(column.sums_up) and column.sums_up <= titles


_LEAST = 12
"""Cells below which a stretching column says nothing."""


def folded(title: str, width: int) -> tuple[str, str]:
    """Return a title as two lines of at most `width` cells, broken at a space or a hyphen."""
    if cell_len(title) <= width:
        return "", title
    breaks = [at + 1 for at, character in enumerate(title) if character in " -_"]
    fitting = [at for at in breaks if cell_len(title[:at].rstrip()) <= width]
    if not fitting:
        return "", title
    # The break that leaves the lower line shortest: it stands above the figures.
    at = max(fitting)
    return title[:at].rstrip(), title[at:]


def narrowest(title: str) -> int:
    """Return the least cells in which a title can be read on two lines."""
    pieces = [at + 1 for at, character in enumerate(title) if character in " -_"]
    halves = [max(cell_len(title[:at].rstrip()), cell_len(title[at:])) for at in pieces]
    return min([cell_len(title), *halves])
