"""Keys and tokens among a task's flags. Pure.

Every user of the machine can read the arguments of a process, and no other user its variables. So a
secret flag becomes a variable where the engine takes one. A tuned flag's values are kept and shown
as what they are, so none of them may be a secret.
"""

from core.engines.engine import Engine
from core.task import FieldPath, Range, Task, is_secret_name


def as_variables(task: Task, engine: Engine) -> tuple[Task, list[tuple[FieldPath, str]]]:
    """Return the task with its secret flags as variables, and what there is to say of them."""
    environment, arguments = dict(task.engine.environment), dict(task.engine.arguments)
    told: list[tuple[FieldPath, str]] = []
    for name, value in task.engine.arguments.items():
        plain = _plain(name, engine)
        if not (is_secret_name(plain) and isinstance(value, str)):
            continue
        variable = engine.secret_variables.get(plain)
        # vLLM takes several keys as arguments, and one as its variable.
        if variable is None or len(value.split()) != 1:
            message = "can be read by every user of this machine while a server runs"
        else:
            message = f"is given as ${variable}: arguments can be read by every user"
            environment.setdefault(variable, value)
            del arguments[name]
        told.append((("engine", "arguments", name), message))
    update = {"environment": environment, "arguments": arguments}
    return task.model_copy(update={"engine": task.engine.model_copy(update=update)}), told


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
    return flag.name if flag else name
