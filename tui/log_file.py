"""Reading a log of any length a window at a time; neither is it read whole, nor its lines counted.

Places are byte offsets of the beginnings of lines, so jumping to the end of 100 MB costs what
jumping to the end of 100 kB does. Only a search reads on, a block at a time.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.errors import HostError
from core.report.characters import one_line

_BLOCK = 1 << 16
_SEARCHED = 1 << 20
_LONGEST_LINE = 1 << 16
"""Bytes after which a line counts as over, so that a file without line ends is no trap."""
_SHOWN = 4096
"""Bytes of a line that are looked at for showing."""


@dataclass(frozen=True)
class Sought:
    """What a line has to have: one of some words, found fast, and then perhaps more."""

    words: tuple[bytes, ...]
    """In lower case; the case of the line does not count."""
    confirm: re.Pattern[bytes] | None = None
    """What a line with such a word has to match as well."""
    at_once: re.Pattern[bytes] | None = None
    """What the line in lower case has to match from the word on: settles fast what a word that is
    in every line would have to be confirmed for."""


_SIGN = re.compile(
    rb"\b(?:fatal|panic|traceback|killed|aborted|segmentation fault|out of memory)\b"
    rb"|(?<![A-Za-z_=])(?:[A-Za-z]*Error|[A-Za-z]*Exception)\b(?=\s*[:\]\)!(]|\s)",
    re.IGNORECASE,
)

ERRORS = Sought(
    words=(
        b"error", b"exception", b"traceback", b"fatal", b"out of memory", b"panic", b"killed",
        b"aborted", b"segmentation fault",
    ),
    confirm=_SIGN,
    at_once=re.compile(
        rb"(?!error|exception)"
        rb"|(?:error(?<![_=]error)|exception(?<![_=]exception))\b(?=\s*[:\]\)!(]|\s)"
    ),
)  # fmt: skip
"""What tells of an error, and not `log_level=error` or `error_rate`."""


def text(wanted: str) -> Sought:
    """Return what finds a text, whatever its case."""
    return Sought((wanted.lower().encode(),))


def words_of(line: str) -> Sought:
    """Return what finds a line again by its words, whatever is between them."""
    words = [word.encode() for word in line.split()] or [b"\0"]
    confirm = re.compile(rb"[^\n]{1,40}?".join(map(re.escape, words)))
    return Sought((max(words, key=len).lower(),), confirm)


@dataclass(frozen=True)
class LogLine:
    """One line of a log."""

    offset: int
    """Where it begins, in bytes."""
    text: str
    """Without control characters; cut where it is very long."""
    error: bool


@dataclass(frozen=True)
class LogWindow:
    """Some lines of a log that follow one another."""

    lines: tuple[LogLine, ...]
    size: int
    """Bytes of the whole file."""
    begins: bool
    """Whether the first of the lines is the file's first."""
    ends: bool
    """Whether the last of the lines is the file's last."""


def read_around(path: Path, offset: int, before: int, after: int) -> LogWindow:
    """Return the line at `offset`, up to `before` lines before it and `after` after it.

    Raises:
        HostError: the file cannot be read.
    """
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        start = _line_start(file, min(offset, max(0, size - 1)))
        for _ in range(before):
            if start == 0:
                break
            start = _line_start(file, start - 1)
        return _window(file, start, before + after + 1, size)


def read_end(path: Path, count: int) -> LogWindow:
    """Return the last `count` lines.

    Raises:
        HostError: the file cannot be read.
    """
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        start = size
        for _ in range(count):
            if start == 0:
                break
            start = _line_start(file, start - 1)
        return _window(file, start, count + 1, size)


def find_next(
    path: Path, sought: Sought, offset: int, wanted: Callable[[], bool] = lambda: True
) -> int | None:
    """Return where the first line at or after `offset` begins that has it; None without one.

    Args:
        wanted: is asked again and again whether to go on.

    Raises:
        HostError: the file cannot be read.
    """
    with _opened(path) as file:
        for start, block in _blocks(file, offset):
            found = _first_in(block, sought)
            if found is not None:
                return start + found
            if not wanted():
                break
    return None


def find_previous(
    path: Path, sought: Sought, offset: int, wanted: Callable[[], bool] = lambda: True
) -> int | None:
    """Return where the last line before `offset` begins that has it; None without one.

    Args:
        wanted: is asked again and again whether to go on.

    Raises:
        HostError: the file cannot be read.
    """
    with _opened(path) as file:
        end = offset
        while end > 0 and wanted():
            start = _line_start(file, max(0, end - _SEARCHED))
            file.seek(start)
            block = file.read(end - start)
            last, at = None, 0
            while (found := _first_in(block[at:], sought)) is not None:
                last = at + found
                at = (block.find(b"\n", last) + 1) or len(block)
            if last is not None:
                return start + last
            end = start
    return None


def _first_in(block: bytes, sought: Sought) -> int | None:
    """Return where in a block of whole lines the first line begins that has it."""
    lowered, at = block.lower(), 0
    following = {word: lowered.find(word) for word in sought.words}
    while True:
        for word, place in following.items():
            if 0 <= place < at:
                following[word] = lowered.find(word, at)
        places = [place for place in following.values() if place >= 0]
        if not places:
            return None
        place = min(places)
        if sought.at_once is not None and not sought.at_once.match(lowered, place):
            at = place + 1
            continue
        begin = lowered.rfind(b"\n", 0, place) + 1
        end = lowered.find(b"\n", begin)
        end = len(block) if end < 0 else end
        if sought.confirm is None or sought.confirm.search(block, begin, end):
            return begin
        at = end + 1


def _blocks(file: BinaryIO, offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield the file from `offset` in blocks of whole lines, each with its place."""
    file.seek(offset)
    rest, start = b"", offset
    while block := file.read(_SEARCHED):
        whole = rest + block
        cut = whole.rfind(b"\n") + 1 or len(whole)
        yield start, whole[:cut]
        start, rest = start + cut, whole[cut:]
    if rest:
        yield start, rest


def _window(file: BinaryIO, start: int, count: int, size: int) -> LogWindow:
    file.seek(start)
    lines: list[LogLine] = []
    at = start
    while len(lines) < count and (raw := file.readline(_LONGEST_LINE)):
        lines.append(_line(at, raw))
        at += len(raw)
    return LogWindow(tuple(lines), size, begins=start == 0, ends=at >= size)


def _line(offset: int, raw: bytes) -> LogLine:
    shown = raw[:_SHOWN]
    text = shown.decode("utf-8", "replace").rstrip("\n").expandtabs(4)
    indent = len(text) - len(text.lstrip(" "))
    # A progress bar rewrites its line; what stands at last is what counts.
    text = text.rstrip("\r").rpartition("\r")[2]
    cut = " …" if len(raw) > _SHOWN else ""
    return LogLine(offset, " " * indent + one_line(text) + cut, _SIGN.search(shown) is not None)


def _line_start(file: BinaryIO, offset: int) -> int:
    """Return where the line that has the byte at `offset` begins."""
    end = offset
    while end > 0 and offset - end < _LONGEST_LINE:
        begin = max(0, end - _BLOCK)
        file.seek(begin)
        found = file.read(end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return end


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise HostError(f"{path}: cannot be read: {error.strerror}") from None
