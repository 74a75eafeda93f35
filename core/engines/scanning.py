"""Finds engines on this machine, their versions, and has their flags read by their own parsers.

The one module of this room that starts processes: an engine's Python, for the time it takes to
import its argument parser. No model is loaded and no GPU is touched.
"""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from core.engines import parser_dump
from core.engines.catalogue import Catalogue, scanned_path
from core.engines.engine import Engine
from core.engines.llamacpp import find_llama_server
from core.engines.llamacpp_help import parse_help
from core.engines.python_program import find_program, interpreter
from core.errors import HostError, UsageError
from core.task import Frozen, Task

SCANNABLE = ("sglang", "vllm", "llamacpp")
"""Engines whose flags can be read from an installed one."""

_VERSION_SECONDS = 30.0
_SCAN_SECONDS = 300.0
"""How long an engine may take to be imported: on a slow disk, minutes."""

_TELL_VERSION = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
_LLAMA_VERSION = re.compile(r"version: *(?P<number>\d+) |\(build (?P<build>\d+)")


class Found(Frozen):
    """An engine as it is on this machine."""

    engine: str
    place: str | None = None
    """Its program or its Python; None where it is not found."""
    version: str | None = None
    known_version: str
    """The version whose flags are known here."""
    scanned: bool
    """Whether these flags were read from the user's own engine, and not shipped."""
    trouble: str = ""
    """Why it is not found, or does not tell its version."""

    @property
    def mismatch(self) -> str | None:
        """Why the flags that are known here may not be the installed engine's."""
        return mismatch(self.engine, self.version, self.known_version)


def mismatch(engine: str, installed: str | None, known: str) -> str | None:
    """Return a sentence where the installed version is another one than the flags are of."""
    if installed is None or not _comparable(installed) or plain(installed) == plain(known):
        return None
    return (
        f"{engine} {installed} is installed, and the flags known here are those of {known};"
        f" `autotuner engines scan {engine}` reads them anew"
    )


def plain(version: str) -> str:
    """Return a version without what follows `+` or `-`, and without a leading letter.

    `0.32.0+cpu` is `0.32.0`; llama-server prints `b10434` and serves as `b10434-7e4c0a9`.
    """
    return re.split("[+-]", version, maxsplit=1)[0].lstrip("bv")


def _comparable(version: str) -> bool:
    """Return whether a version says anything; home-made builds of llama.cpp are number 0 or 1."""
    return plain(version) not in {"", "0", "1", "unknown"}


def look(engine: str, executable: str | None = None) -> Found:
    """Return how an engine stands on this machine; nothing is raised for what is missing.

    Raises:
        HostError: the user's own catalogue is damaged.
    """
    catalogue = Catalogue.load(engine)
    known, scanned = catalogue.version, scanned_path(engine).exists()
    try:
        place = _place(engine, executable or catalogue.program)
    except HostError as missing:
        return Found(engine=engine, known_version=known, scanned=scanned, trouble=str(missing))
    try:
        version, trouble = _version(engine, place), ""
    except HostError as silent:
        version, trouble = None, str(silent)
    return Found(
        engine=engine,
        place=place,
        version=version,
        known_version=known,
        scanned=scanned,
        trouble=trouble,
    )


def installed_version(engine: Engine, task: Task) -> str:
    """Return the version of the engine that a task's servers will be; empty where it is unknown."""
    if engine.simulated and engine.catalogue is not None:
        return engine.catalogue.version
    if engine.name not in SCANNABLE or task.deployment_mode != "local":
        return ""
    try:
        return _version(engine.name, _place(engine.name, engine.executable(task))) or ""
    except HostError:
        return ""


def scan(engine: str, executable: str | None = None) -> Catalogue:
    """Have an installed engine's flags read, keep them as the user's own, and return them.

    Which engine it was is kept with them: runs launch that one, unless a task names another.

    Raises:
        UsageError: there is nothing to read with this engine.
        HostError: it is not here, its parser cannot be read, or the result cannot be kept.
    """
    if engine not in SCANNABLE:
        raise UsageError(f"{engine} cannot be scanned; {', '.join(SCANNABLE)} can")
    executable = executable or _scanned_before(engine)
    place = _place(engine, executable)
    if engine == "llamacpp":
        catalogue = parse_help(_say([place, "--help"]), _version(engine, place) or "unknown")
    else:
        catalogue = _from_parser(engine, place)
    program = place
    if engine != "llamacpp":
        program = find_program(executable, module=engine, program=engine)
    catalogue = catalogue.model_copy(update={"executable": str(Path(program).absolute())})
    _keep(catalogue)
    return catalogue


def _scanned_before(engine: str) -> str | None:
    try:
        return Catalogue.load(engine).program
    except HostError:  # damaged, which is what a scan mends
        return None


def _from_parser(engine: str, python: str) -> Catalogue:
    said = _say([python, str(parser_dump.__file__), engine], seconds=_SCAN_SECONDS)
    lines = said.strip().splitlines()
    try:
        return Catalogue.model_validate(json.loads(lines[-1]))
    except (IndexError, ValueError, ValidationError):
        last = lines[-1][:200] if lines else "nothing"
        raise HostError(f"{python}: told no flags of {engine}, but: {last}") from None


def _keep(catalogue: Catalogue) -> None:
    path = scanned_path(catalogue.engine)
    fresh = path.with_suffix(f".{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(catalogue.text(), encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise HostError(f"{path}: cannot be written: {error.strerror}") from None


def _place(engine: str, executable: str | None) -> str:
    if engine == "llamacpp":
        return str(find_llama_server(executable))
    return interpreter(executable, module=engine, program=engine)


def _version(engine: str, place: str) -> str | None:
    if engine == "llamacpp":
        found = _LLAMA_VERSION.search(_say([place, "--version"]))
        return f"b{found['number'] or found['build']}" if found else None
    return _say([place, "-c", _TELL_VERSION, engine]).strip() or None


def _say(argv: Sequence[str], seconds: float = _VERSION_SECONDS) -> str:
    """Return what a program prints, its errors among it where it prints nothing else.

    Raises:
        HostError: it cannot be run, fails, or takes too long.
    """
    program = Path(argv[0])
    try:
        ended = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise HostError(f"{program}: did not answer within {seconds:.0f} s") from None
    except OSError as error:
        raise HostError(f"{program}: cannot be run: {error.strerror}") from None
    if ended.returncode != 0:
        words = ended.stderr.strip().splitlines() or ended.stdout.strip().splitlines()
        why = words[-1][:300] if words else f"status {ended.returncode}"
        raise HostError(f"{program}: {why}")
    return ended.stdout if ended.stdout.strip() else ended.stderr
