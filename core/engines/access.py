"""The key that a launched server demands of whoever asks it. Pure."""

from collections.abc import Mapping

from core.engines.engine import Command

_FLAG = "api-key"
_VARIABLES = ("VLLM_API_KEY", "LLAMA_API_KEY")
"""Variables that set it where the flag does not."""


def demanded_key(command: Command, inherited: Mapping[str, str]) -> str | None:
    """Return the API key of a server; None where it demands none.

    Args:
        command: its launch. Of several keys the first one is returned.
        inherited: the variables that it gets besides those of its own.
    """
    found = None
    for word, following in zip(command.argv, (*command.argv[1:], ""), strict=True):
        name, equals, value = word.partition("=")
        if name.startswith("--") and name[2:].replace("_", "-") == _FLAG:
            found = value if equals else following
    if found:
        return found
    environment = {**inherited, **command.environment}
    return next((environment[name] for name in _VARIABLES if environment.get(name)), None)
