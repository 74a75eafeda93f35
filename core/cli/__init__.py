"""The command line: which face, which verb, and how every end is told."""

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from core.errors import AutotunerError, HostError, StoreError


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks for and return the exit status."""
    from core.cli.arguments import parse

    _open_what_is_closed()
    try:
        status = parse(sys.argv[1:] if argv is None else argv)()
        sys.stdout.flush()  # here its failure can still be told
        return status
    except AutotunerError as error:
        print(_each_line_named(str(error)), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _say_no_more()  # the reader of our output has left
        return 141
    except SystemExit as left:
        if isinstance(left.__context__, BrokenPipeError):  # so it is told by what draws tables
            return 141
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _OUTPUT_FULL and not error.filename:
            _say_no_more()
            print(f"autotuner: the output cannot be written: {error.strerror}", file=sys.stderr)
            return HostError.exit_code
        print(_confess(error), file=sys.stderr)
        return AutotunerError.exit_code


_OUTPUT_FULL = {errno.ENOSPC, errno.EDQUOT}


def _open_what_is_closed() -> None:
    """Give what is printed somewhere to go where our output was closed by whoever started us."""
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()


def _nowhere() -> TextIO:
    return os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


def _say_no_more() -> None:
    """Keep the interpreter from complaining at exit about output that it cannot get rid of."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _each_line_named(message: str) -> str:
    return "\n".join(f"autotuner: {line}" for line in message.splitlines())


def _confess(bug: Exception) -> str:
    """Write the traceback of a bug to a file and return the line that says so."""
    said = f"autotuner: this is a bug in autotuner: {type(bug).__name__}: {bug}"
    try:
        where = _write_traceback(bug)
    except (OSError, StoreError):
        return said
    return f"{said}\nautotuner: the traceback is in {where}; please report it"


def _write_traceback(bug: Exception) -> Path:
    from core.store import home
    from core.store.location import make_folder

    make_folder(home())
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = home() / f"bug-{now}-{os.getpid()}.txt"
    path.touch(mode=0o600)
    path.write_text("".join(traceback.format_exception(bug)), encoding="utf-8")
    return path
