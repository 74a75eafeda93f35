"""Any server that speaks the OpenAI API, launched by a command the user writes.

base_runtime: custom
engine:
  command: "python3 serve.py --model {model} --port {port} {flags}"
"""

import shlex
from collections.abc import Sequence

from core.engines.catalogue import Catalogue, unknown_flag
from core.engines.engine import Command, Engine, is_python_module
from core.errors import TaskError
from core.task import Configuration, Task


class Custom(Engine):
    """A server known only by its launch command."""

    name = "custom"

    @property
    def catalogue(self) -> Catalogue | None:
        """Any flag may be meant."""
        return None

    def fills_in(self, task: Task) -> bool:
        """Return whether the user's command is `python -m MODULE …`."""
        try:
            return is_python_module(_split(task.engine.command or ""))
        except ValueError:
            return False

    def command(
        self, task: Task, configuration: Configuration, *, port: int, host: str = "127.0.0.1"
    ) -> Command:
        """Fill in the template. {flags} is a place of its own, never part of a word.

        Raises:
            TaskError: the template is missing, cannot be split, or lacks {port} or {flags}.
        """
        arguments: list[str] = []
        flags = self.flags(task, configuration)
        for name in sorted(flags):
            arguments += unknown_flag(name, flags[name]).write(flags[name])
        filled = {"{port}": str(port), "{host}": host, "{model}": task.model.id_or_path}
        argv: list[str] = []
        for word in template_words(task):
            if word == "{flags}":
                argv += arguments
                continue
            for place, value in filled.items():
                word = word.replace(place, value)
            argv.append(word)
        return Command(argv=tuple(argv), environment=task.engine.environment)


def template_words(task: Task) -> list[str]:
    """Return the words of the launch template.

    Raises:
        TaskError: it is missing, cannot be split, or lacks {port} or {flags}.
    """
    template = task.engine.command
    if not template:
        raise TaskError(["engine.command: is missing; `base_runtime: custom` needs it"])
    try:
        words = _split(template)
    except ValueError as error:
        raise TaskError([f"engine.command: cannot be split into words: {error}"]) from None
    if not any("{port}" in word for word in words):
        raise TaskError(["engine.command: lacks {port}, so the server could not be found"])
    if "{flags}" not in words and task.parameters:
        raise TaskError(["engine.command: lacks {flags}, so no parameter would reach the server"])
    return words


def _split(template: str | Sequence[str]) -> list[str]:
    return shlex.split(template) if isinstance(template, str) else list(template)
