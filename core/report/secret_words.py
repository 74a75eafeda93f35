"""Secrets that a recorded command line refers to or has masked, as variables for its reader to set.
Pure."""

import re
from collections.abc import Callable, Iterator, Sequence

from core.machine.masking import MASK
from core.store.masking import SECRET
from core.task import is_secret_name, referred

_MASKED = re.compile(f"{re.escape(MASK)}|{re.escape(SECRET)}")


def with_variables(
    argv: Sequence[str], literal: Callable[[str], str], variable: Callable[[str], str]
) -> list[str]:
    """Return the words of a command line as a shell, a unit or a compose file writes them.

    Args:
        argv: the command line, secrets masked.
        literal: how text that stands for itself is written there.
        variable: how a variable is referred to.
    """
    return [
        variable(name).join(literal(part) if part or not name else "" for part in parts)
        for parts, name in _parts(argv)
    ]


def secret_variables(argv: Sequence[str]) -> tuple[str, ...]:
    """Return the variables that are referred to, or that stand for what is masked, each once:
    `API_KEY` of `--api-key ***`."""
    return tuple(dict.fromkeys(name for _, name in _parts(argv) if name))


def _parts(argv: Sequence[str]) -> Iterator[tuple[list[str], str]]:
    """Yield what stands around the secret of each word, and the variable's name, if it has any."""
    flag = ""
    for word in argv:
        if word.startswith("-"):
            flag = word.partition("=")[0].lstrip("-")
        if variable := referred(word):
            yield ["", ""], variable
            continue
        parts = _MASKED.split(word)
        yield parts, _variable(flag) if len(parts) > 1 else ""


def _variable(flag: str) -> str:
    name = re.sub(r"\W", "_", flag, flags=re.ASCII).upper()
    return name if is_secret_name(name) else f"{name}_SECRET".lstrip("_0123456789")
