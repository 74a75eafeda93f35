"""A log file that cannot fill a disk, and yet keeps what matters.

It keeps the beginning, the end, and from what lay between them the lines that speak of errors, all
in one file and in their order:

    | head | lines that speak of errors | note: how much was left out | what came last |

The file is rewritten behind the head when what came last has grown to twice its share, so a writer
pays for each byte about twice, whatever the length. A full disk loses lines, never the writer.
Standard library only: the guardian imports it.
"""

import os

HEAD_BYTES = 4 << 20
TAIL_BYTES = 4 << 20
KEPT_ERRORS_BYTES = 1 << 20
MASK = b"***"

_SIGNS_OF_ERRORS = (
    b"error", b"exception", b"traceback", b"fatal", b"fail", b"out of memory", b"abort", b"killed",
)  # fmt: skip
_NOTE = (
    b"[... %d bytes left out here; the lines above this one that speak of errors were kept ...]\n"
)
_NOTE_START = _NOTE.partition(b"%d")[0]
_LONGEST_KEPT_LINE = 4096


class BoundedLog:
    """An open log. `write` never raises for want of disk space."""

    def __init__(
        self,
        path: str,
        *,
        secrets: tuple[str, ...] = (),
        head: int = HEAD_BYTES,
        tail: int = TAIL_BYTES,
    ) -> None:
        """Open an empty log that only its owner may read.

        Args:
            path: the file.
            secrets: texts that are replaced by `***` wherever they occur.
            head: bytes of the beginning to keep.
            tail: bytes of the end to keep at least.

        Raises:
            OSError: the file cannot be made.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "r+b", buffering=0)
        self._secrets = tuple(secret.encode("utf-8", "surrogateescape") for secret in secrets)
        self._undecided = b""
        self._head, self._tail = head, tail
        self._size = 0
        self._settled = 0
        """Bytes at the front that are never rewritten: the head, then the kept errors."""
        self._left_out = 0

    def write(self, data: bytes) -> None:
        """Append what a server said."""
        self._append(self._masked(data) if self._secrets else data)

    def close(self) -> None:
        """Write what was held back, and close the file."""
        self._append(self._undecided)
        self._undecided = b""
        self._file.close()

    def _append(self, data: bytes) -> None:
        try:
            while data:
                written = self._file.write(data)
                self._size += written
                data = data[written:]
                if self._size > max(self._settled, self._head) + 2 * self._tail:
                    self._leave_out_the_middle()
        except OSError:  # the disk is full; what was said is lost, the next lines may not be
            self._left_out += len(data)

    def _leave_out_the_middle(self) -> None:
        if not self._settled:
            self._settled = _last_line_start(self._read(0, self._head))
        middle = self._read(self._settled, self._size - self._tail)
        middle = middle[: _last_line_start(middle)]
        last = self._read(self._settled + len(middle), self._size)
        if middle.startswith(_NOTE_START):
            middle = middle.partition(b"\n")[2]
        errors = _lines_of_errors(middle, self._head + KEPT_ERRORS_BYTES - self._settled)
        self._left_out += len(middle) - len(errors)
        self._file.seek(self._settled)
        self._file.write(errors + _NOTE % self._left_out + last)
        self._size = self._file.tell()
        self._file.truncate()
        self._settled += len(errors)

    def _read(self, start: int, end: int) -> bytes:
        return os.pread(self._file.fileno(), end - start, start)

    def _masked(self, data: bytes) -> bytes:
        """Return `data` without the secrets, holding back an end that may begin one."""
        data = self._undecided + data
        for secret in self._secrets:
            data = data.replace(secret, MASK)
        held = max(_overlap(data, secret) for secret in self._secrets)
        self._undecided = data[len(data) - held :]
        return data[: len(data) - held]


def _last_line_start(data: bytes) -> int:
    """Return where the last line begins; the end, if that line is too long to be worth keeping."""
    start = data.rfind(b"\n") + 1
    return start if len(data) - start <= _LONGEST_KEPT_LINE else len(data)


def _lines_of_errors(data: bytes, budget: int) -> bytes:
    """Return the first lines that speak of errors, no more than `budget` bytes of them."""
    lowered = data.lower()
    lines: dict[int, bytes] = {}
    for sign in _SIGNS_OF_ERRORS:
        size = 0
        found = lowered.find(sign)
        while found >= 0 and size < budget:
            start = data.rfind(b"\n", 0, found) + 1
            end = data.find(b"\n", found)
            end = len(data) if end < 0 else end
            lines[start] = data[start : min(end, start + _LONGEST_KEPT_LINE)] + b"\n"
            size += len(lines[start])
            found = lowered.find(sign, end)
    kept = b""
    for start in sorted(lines):
        if len(kept) + len(lines[start]) <= budget:
            kept += lines[start]
    return kept


def _overlap(data: bytes, secret: bytes) -> int:
    """Return how many of the secret's first bytes stand at the end of `data`."""
    for length in range(min(len(secret) - 1, len(data)), 0, -1):
        if data.endswith(secret[:length]):
            return length
    return 0
