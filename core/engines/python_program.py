"""Where an engine that lives in a Python of its own is found: an interpreter, a venv, a program."""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from core.errors import HostError
from core.paths import path_of


def find_program(named: str | None, *, module: str, program: str) -> str:
    """Return the engine's program, or the interpreter that has its module.

    Args:
        named: what the task names: a program, an interpreter, or the folder of a venv. None: the
            program on PATH, else the module in this very interpreter.
        module: the engine's Python module.
        program: the name of its program.

    Raises:
        HostError: there is none.
    """
    if named is not None:
        return _named(path_of(named), named, program)
    if on_path := shutil.which(program):
        return on_path
    if find_spec(module) is not None:
        return sys.executable
    raise HostError(
        f"{program} is not on PATH; install it, or name its program, its Python or its venv in"
        " engine.executable"
    )


def interpreter(named: str | None, *, module: str, program: str) -> str:
    """Return the Python interpreter that has the engine's module.

    Raises:
        HostError: there is none.
    """
    found = Path(find_program(named, module=module, program=program))
    if found.name.startswith("python"):
        return str(found)
    # A venv has its interpreter beside its programs.
    for place in (found.parent, found.resolve().parent):
        for name in ("python", "python3"):
            if os.access(place / name, os.X_OK):
                return str(place / name)
    raise HostError(
        f"{found}: has no Python beside it; name {module}'s Python in engine.executable"
    )


def _named(path: Path, named: str, program: str) -> str:
    candidates = [path / "bin" / program, path / "bin" / "python"] if path.is_dir() else [path]
    for candidate in candidates:
        if (found := shutil.which(candidate)) is not None:
            return str(found)
    kind = "a folder without bin/python" if path.is_dir() else "no program"
    raise HostError(
        f"engine.executable: {named} is {kind}; name the engine's program, its Python, or its venv"
    )
