"""The command that starts a measured server again: copy, paste, serve."""

import shlex
from collections.abc import Mapping, Sequence

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


def shell_words(argv: Sequence[str]) -> list[str]:
    """Return each word as a shell reads it back; what is masked as `"$API_KEY"`."""
    return with_variables(argv, shlex.quote, lambda name: f'"${name}"')


def _parts(argv: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    argv = at_usual_port(argv)
    parts = [
        f'{name}="${name}"' if is_secret_name(name) else f"{name}={shlex.quote(value)}"
        for name, value in sorted(environment.items())
    ]
    after_a_flag = False
    for word, written in zip(argv, shell_words(argv), strict=True):
        is_flag = word.startswith("-")
        if after_a_flag and not is_flag:
            parts[-1] += f" {written}"
        else:
            parts.append(written)
        after_a_flag = is_flag and "=" not in word
    return parts
