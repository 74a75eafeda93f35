"""Where a command's result goes: a file, or standard output."""

import sys
from contextlib import suppress
from pathlib import Path

from core.errors import HostError


def write(output: Path | None, content: str | bytes) -> None:
    """Write to a file, and make its folder if need be; without a file, to standard output.

    A file that is there already stays as it was unless all of the new one could be written.

    Raises:
        HostError: it cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    if output is None:
        sys.stdout.write(data.decode())
        return
    part = output
    try:
        # A device and what a link leads to are written as they are.
        if not output.is_symlink() and (output.is_file() or not output.exists()):
            part = output.with_name(f".{output.name}.part")
        output.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(output)
    except OSError as error:
        if part is not output:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        raise HostError(f"{output}: cannot be written: {error.strerror}") from None
