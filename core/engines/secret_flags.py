"""Keys and tokens among a task's flags. Pure.

Every user of the machine can read the arguments of a process, and no other user its variables. So a
secret flag becomes a variable where the engine takes one, or else a reference to one, `$NAME`, that
the server's own process fills in (`core.engines.engine.Command`). Where neither can be, as with a
program of any kind, it is refused. A tuned flag's values are kept and shown as what they are, so
none of them may be a secret.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from core.engines.engine import Engine
from core.task import SHORTEST_SECRET, FieldPath, Range, Task, is_secret_name, referred

_OPEN = "arguments can be read by every user"


@dataclass(frozen=True)
class Hidden:
    """A task without a secret among its arguments."""

    task: Task
    told: tuple[tuple[FieldPath, str], ...] = ()
    """What there is to say of it, and where."""
    mistakes: tuple[tuple[FieldPath, str], ...] = ()
    """Secrets that would be seen."""


def hidden(task: Task, engine: Engine) -> Hidden:
    """Return the task with variables, or references to them, in the place of its secret flags."""
    environment, arguments = dict(task.engine.environment), dict(task.engine.arguments)
    told: list[tuple[FieldPath, str]] = []
    mistakes = _unfilled(task, engine)
    for name, value in task.engine.arguments.items():
        plain, path = _plain(name, engine), ("engine", "arguments", name)
        if not (is_secret_name(plain) and isinstance(value, str)):
            continue
        variable = engine.secret_variables.get(plain)
        fills_in = engine.fills_in(task)
        if referred(value) is not None:
            if variable is not None and referred(value) == variable:
                del arguments[name]  # it is inherited
            elif not fills_in:
                wanted = f"; the engine reads ${variable}" if variable else ""
                mistakes.append((path, f"cannot be taken from {value}{wanted}"))
        elif variable is not None and len(value.split()) == 1:
            environment[variable] = value
            del arguments[name]
            told.append((path, f"is given as ${variable}: {_OPEN}"))
        elif fills_in:
            variable = f"{engine.name}_{plain}".upper().replace("-", "_")
            environment[variable] = value
            arguments[name] = f"${variable}"
            told.append((path, f"is given as ${variable}: {_OPEN}"))
        elif len(value) >= SHORTEST_SECRET:
            mistakes.append((path, _remedy(variable)))
    update = {"environment": environment, "arguments": arguments}
    settled = task.model_copy(update={"engine": task.engine.model_copy(update=update)})
    return Hidden(settled, tuple(told), tuple(mistakes))


def _unfilled(task: Task, engine: Engine) -> list[tuple[FieldPath, str]]:
    """Return the references of a launch template that nothing would fill in."""
    if engine.fills_in(task):
        return []
    words: Sequence[str] = task.engine.command or ()
    if isinstance(words, str):
        try:
            words = shlex.split(words)
        except ValueError:  # told where the command is read
            return []
    return [
        (("engine", "command"), f"{word} would stay as it is written; {_remedy(None)}")
        for word in words
        if referred(word)
    ]


def _remedy(variable: str | None) -> str:
    if variable is not None:
        return f"name one secret: it is given as ${variable}, as {_OPEN}"
    return (
        f"is a secret, and {_OPEN}: set a variable in engine.environment that the server reads,"
        " name a file with it, or start the server with `python -m`"
    )


def tuned_secrets(task: Task, engine: Engine) -> list[tuple[FieldPath, str]]:
    """Return the tuned flags that hold a secret, and where it belongs."""
    mistakes: list[tuple[FieldPath, str]] = []
    for name, space in task.parameters.items():
        plain = _plain(name, engine)
        if not is_secret_name(plain) or isinstance(space, Range):
            continue
        if any(isinstance(value, str) for value in space.values):
            variable = engine.secret_variables.get(plain)
            place = f"engine.environment, as {variable}" if variable else "engine.arguments"
            told = f"is a secret, and what is tuned is kept and shown; write it in {place}"
            mistakes.append((("parameters", name), told))
    return mistakes


def _plain(name: str, engine: Engine) -> str:
    flag = engine.catalogue.find(name) if engine.catalogue else None
    return flag.name if flag else name.strip("-")
