"""The command that starts a measured server again: copy, paste, serve."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from core.report.secret_words import with_variables
from core.task import is_secret_name

PORT = 8000
"""Where a server is started again; a container inside and, on 127.0.0.1, outside."""


def at_usual_port(argv: Sequence[str]) -> tuple[str, ...]:
    """Return a command line with `PORT` in place of the one that happened to be free."""
    words = list(argv)
    for number, word in enumerate(words):
        if word.startswith("--port="):
            words[number] = f"--port={PORT}"
        elif word == "--port" and number + 1 < len(words):
            words[number + 1] = str(PORT)
    return tuple(words)


def launch_command(argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return one line for a POSIX shell, with the server on `PORT`.

    Args:
        argv: the command line as it was run, secrets masked. They refer to variables of the shell.
        environment: the variables that the task sets. A secret one refers to the shell's own.
    """
    return " ".join(_parts(argv, environment))


def launch_command_folded(argv: Sequence[str], environment: Mapping[str, str], width: int) -> str:
    """Return the same command, broken where a shell allows it so that it fits `width` columns.

    A flag stays with its value; what is longer than a line stays in one piece.
    """
    lines = [""]
    for part in _parts(argv, environment):
        if lines[-1].strip() and len(lines[-1]) + len(part) + 2 > width:
            lines[-1] += "\\"
            lines.append("    ")
        lines[-1] += f"{part} "
    return "\n".join(line.rstrip() for line in lines)


def folded_further(row: str, width: int) -> list[str]:
    """Return one line of a command in lines of `width` characters, broken where a shell allows it.

    A flag stays with its value where the two fit; what is longer than a line is cut all the same.
    """
    if len(row) <= width:
        return [row]
    indent = len(row) - len(row.lstrip(" "))
    within = [at for at in _gaps(row) if indent < at <= width - 2]
    cut = next((at for at in reversed(within) if not _joins(row, at)), within[-1] if within else 0)
    if not cut:
        return [row[:width], *folded_further(row[width:], width)]
    return [f"{row[:cut]} \\", *folded_further(" " * (indent or 4) + row[cut + 1 :], width)]


def _gaps(row: str) -> Iterator[int]:
    """Yield where the spaces outside of quotes are."""
    quote = ""
    for at, character in enumerate(row):
        if character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif not quote and character == " ":
            yield at


def _joins(row: str, gap: int) -> bool:
    """Return whether the space at `gap` is the one between a flag and its value."""
    before, after = row[:gap].rpartition(" ")[2], row[gap + 1 :].partition(" ")[0]
    return _takes_a_value(before) and not _is_flag(after)


def _is_flag(word: str) -> bool:
    """Return whether a word is a flag, and not a negative number."""
    return word.startswith("-") and not re.match(r"-\.?\d", word)


def _takes_a_value(word: str) -> bool:
    """Return whether the next word, if it is no flag, is this one's value."""
    return _is_flag(word) and "=" not in word


def shell_words(argv: Sequence[str]) -> list[str]:
    """Return each word as a shell reads it back; what is masked as `"$API_KEY"`."""
    return with_variables(argv, shlex.quote, lambda name: f'"${name}"')


def _parts(argv: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    argv = at_usual_port(argv)
    parts = [
        f'{name}="${name}"' if is_secret_name(name) else f"{name}={shlex.quote(value)}"
        for name, value in sorted(environment.items())
    ]
    before = ""
    for word, written in zip(argv, shell_words(argv), strict=True):
        if _takes_a_value(before) and not _is_flag(word):
            parts[-1] += f" {written}"
        else:
            parts.append(written)
        before = word
    return parts
