"""The command line: which face, which verb, and how every end is told."""

import os
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from core.errors import AutotunerError, StoreError


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks for and return the exit status."""
    from core.cli.arguments import parse

    try:
        return parse(sys.argv[1:] if argv is None else argv)()
    except AutotunerError as error:
        print(_each_line_named(str(error)), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has left; the interpreter must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        print(_confess(error), file=sys.stderr)
        return AutotunerError.exit_code


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
