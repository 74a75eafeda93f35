"""The key that a launched server demands of whoever asks it. Reads the file of a launch's keys."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from core.engines.engine import Command
from core.task import referred

_FLAG, _FILE_FLAG = "api-key", "api-key-file"
_VARIABLES = ("VLLM_API_KEY", "LLAMA_API_KEY")
"""Variables that set it where the flag does not."""


def demanded_key(
    command: Command, inherited: Mapping[str, str], place: Callable[[str], str] = str
) -> str | None:
    """Return the API key of a server; None where it demands none.

    Args:
        command: its launch. Of several keys the first one is returned.
        inherited: the variables that it gets besides those of its own.
        place: returns where a file that the command names is on this machine.
    """
    found = file = None
    for word, following in zip(command.argv, (*command.argv[1:], ""), strict=True):
        name, equals, value = word.partition("=")
        flag = name[2:].replace("_", "-") if name.startswith("--") else ""
        if flag == _FLAG:
            found = value if equals else following
        elif flag == _FILE_FLAG:
            file = value if equals else following
    environment = {**inherited, **command.environment}
    if found and (variable := referred(found)):
        found = environment.get(variable)
    if found := found or (_first_of(Path(place(file))) if file else None):
        return found
    return next((environment[name] for name in _VARIABLES if environment.get(name)), None)


def _first_of(file: Path) -> str | None:
    """Return the first key of a file with one a line; None where it is not on this machine."""
    with suppress(OSError, UnicodeDecodeError):
        lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
        return next((line for line in lines if line and not line.startswith("#")), None)
    return None
