"""Several of the same in one sentence: experiments by number, texts that differ only in figures."""

import re
from collections.abc import Iterable, Sequence

_FIGURE = re.compile(r"\d+(?:\.\d+)?")


def numbers(those: Iterable[int]) -> str:
    """Write numbers of experiments, three or more in a row as a range: `1, 4-7, 9`."""
    rows: list[list[int]] = []
    for number in sorted(set(those)):
        if rows and number == rows[-1][-1] + 1:
            rows[-1].append(number)
        else:
            rows.append([number])
    return ", ".join(
        f"{row[0]}-{row[-1]}" if len(row) > 2 else ", ".join(map(str, row)) for row in rows
    )


def experiments(those: Iterable[int]) -> str:
    """Name experiments by number: `experiment 3`, `experiments 1, 4-7`; empty for none."""
    distinct = set(those)
    return f"experiment{'s' * (len(distinct) > 1)} {numbers(distinct)}" if distinct else ""


def shape(text: str) -> str:
    """Return the same for all texts that differ in nothing but figures."""
    return _FIGURE.sub("\0", text)


def in_ranges(texts: Sequence[str]) -> str:
    """Return texts of one shape as one: `time was up after 8 to 20 of 24 requests`."""
    columns = zip(*(_FIGURE.findall(text) for text in texts), strict=True)
    ends = iter([sorted(set(column), key=float) for column in columns])

    def written(_: re.Match[str]) -> str:
        values = next(ends)
        return values[0] if len(values) == 1 else f"{values[0]} to {values[-1]}"

    return _FIGURE.sub(written, texts[0])
