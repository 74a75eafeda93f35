"""`autotuner doctor`: what of this machine is ready, and how to mend the rest."""

import asyncio
import json
import os
import platform
import resource
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from core.engines.presets import shelf
from core.engines.resolving import engine_of
from core.engines.scanning import SCANNABLE, look
from core.errors import AutotunerError, HostError
from core.home import home
from core.machine.nvml import NvmlGpus
from core.machine.ports import reserve_port
from core.paths import is_there, path_of
from core.report.characters import BROKEN, HELD, WARNING, ascii_only
from core.report.preflight import check_program, prepare, read_and_check
from core.run import facts_of
from core.store import Viewer
from core.store.file_system import reached_over_network

_SYMBOLS = {"ok": HELD, "warn": WARNING, "fail": BROKEN}
_FEWEST_CORES = 4
_FEWEST_FILES = 4096
_LEAST_DISK, _GOOD_DISK = 0.2, 5.0
"""GiB for the store and the servers' logs."""


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    subject: str
    state: Literal["ok", "warn", "fail"]
    text: str
    """What was found, with the mend where something is to be done."""


def examine(path: Path | None, *, as_json: bool) -> int:
    """Look this machine over, and one task on it if `path` is given; print a line for each matter.

    Returns:
        0, or 3 where something has to be mended first.
    """
    findings = list(_findings(path))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        unicode = (sys.stdout.encoding or "").lower().startswith("utf")
        width = max(len(finding.subject) for finding in findings)
        for f in findings:
            line = f"{_SYMBOLS[f.state]} {f.state:4}  {f.subject:{width}}  {f.text}"
            print(line if unicode else ascii_only(line))
    failed = any(finding.state == "fail" for finding in findings)
    return HostError.exit_code if failed else 0


def _findings(path: Path | None) -> Iterator[Finding]:
    checks: list[Callable[[], Iterator[Finding]]] = [
        _python, _terminal, _processor, _gpus, _containers, _engines, _ports, _disk, _store,
        _presets,
    ]  # fmt: skip
    for check in checks:
        try:
            yield from check()
        except AutotunerError as error:
            yield Finding(check.__name__.strip("_"), "fail", str(error))
    if path is not None:
        yield from _task(path)


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    yield Finding("python", "ok", f"{version}, {sys.executable}")


def _terminal() -> Iterator[Finding]:
    term = os.environ.get("TERM", "")
    if not sys.stdout.isatty():
        yield Finding("terminal", "ok", "none; `autotuner --run` needs none, the app does")
    elif term in {"", "dumb"}:
        told = f"TERM is {term or 'not set'}, so the app cannot draw; set it, to xterm-256color say"
        yield Finding("terminal", "warn", told)
    else:
        columns, rows = shutil.get_terminal_size()
        size = f"{term}, {columns} × {rows}, {sys.stdout.encoding}"
        if columns < 80 or rows < 24:
            yield Finding("terminal", "warn", f"{size}; make it at least 80 × 24 for the app")
        else:
            yield Finding("terminal", "ok", size)


def _processor() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0))
    if cores < _FEWEST_CORES:
        told = f"{cores} cores: the load worker shares them with the server, and may be the slower"
        yield Finding("processor", "warn", told)
    else:
        yield Finding("processor", "ok", f"{cores} cores")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < _FEWEST_FILES:
        told = f"{most} at most, a limit for large loads; raise it with `ulimit -n {_FEWEST_FILES}`"
        yield Finding("open files", "warn", told)


def _gpus() -> Iterator[Finding]:
    gpus = NvmlGpus()
    if (problem := gpus.problem()) is not None:
        told = f"{problem}; without it, only engines on the CPU and the simulated one can be tuned"
        yield Finding("gpus", "warn", told)
        return
    found = gpus.present()
    if not found:
        yield Finding("gpus", "warn", "the driver knows of no GPU")
    for gpu in found:
        memory = gpus.memory(gpu.uuid)
        processes = gpus.processes(gpu.uuid) or ()
        size = (
            f", {memory.free / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free" if memory else ""
        )
        busy = f"; {len(processes)} processes are on it" if processes else ""
        state: Literal["ok", "warn"] = "warn" if processes else "ok"
        yield Finding(f"gpu {gpu.index}", state, f"{gpu.name}{size}{busy}")


def _containers() -> Iterator[Finding]:
    # The SDK takes longer to import than everything else here.
    from core.deploy.container_host import ContainerHost

    try:
        host = ContainerHost()
    except HostError as error:
        yield Finding("containers", "warn", f"{error} (only for deployment_mode: docker)")
        return
    host.close()
    yield Finding("containers", "ok", host.url)


def _engines() -> Iterator[Finding]:
    found = [look(engine) for engine in SCANNABLE]
    for one in found:
        if one.place is None:
            yield Finding(one.engine, "warn", one.trouble)
        elif told := one.mismatch or one.trouble:
            yield Finding(one.engine, "warn", told)
        else:
            yield Finding(one.engine, "ok", f"{one.version}, {one.place}")
    yield Finding("simulated", "ok", "built in")


def _ports() -> Iterator[Finding]:
    with reserve_port() as port:
        yield Finding("ports", "ok", f"{port.number} and others are free on 127.0.0.1")


def _disk() -> Iterator[Finding]:
    folder = home()
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    if not os.access(existing, os.W_OK):
        told = f"{existing}: may not be written to; set AUTOTUNER_HOME to a folder that may"
        yield Finding("disk", "fail", told)
        return
    free = shutil.disk_usage(existing).free / 2**30
    told = f"{free:.1f} GiB free for {folder}"
    if free < _LEAST_DISK:
        yield Finding("disk", "fail", f"{told}; make room, or set AUTOTUNER_HOME to another disk")
    elif free < _GOOD_DISK:
        yield Finding("disk", "warn", f"{told}; servers' logs may grow beyond that")
    else:
        yield Finding("disk", "ok", told)


def _store() -> Iterator[Finding]:
    async def count() -> tuple[Path, int]:
        async with Viewer() as viewer:
            return viewer.path, (await viewer.tasks(limit=1)).total

    path, tasks = asyncio.run(count())
    if reached_over_network(path.parent):
        told = f"{path}: is on a network file system, which is slow for it; AUTOTUNER_HOME moves it"
        yield Finding("store", "warn", told)
    else:
        there = (
            f"{tasks} task{'s' if tasks != 1 else ''}" if path.exists() else "made by the first run"
        )
        yield Finding("store", "ok", f"{path}: {there}")


def _presets() -> Iterator[Finding]:
    for problem in shelf().problems:
        yield Finding("presets", "warn", problem)


def _task(path: Path) -> Iterator[Finding]:
    try:
        reading = read_and_check(path)
        engine = engine_of(reading)
        prepared = prepare(reading, engine, *facts_of(reading.task, engine))
    except AutotunerError as error:
        for problem in str(error).splitlines():
            yield Finding("task", "fail", problem)
        return
    for notice in prepared.reading.notices:
        yield Finding("task", "warn", notice)
    model = prepared.task.model.id_or_path
    if not engine.simulated and not is_there(path_of(model)):
        told = f"{model}: is no path here, so {engine.name} has to know it or fetch it"
        yield Finding("model", "warn", told)
    try:
        check_program(prepared)
    except HostError as error:
        yield Finding("task", "fail", str(error))
        return
    yield Finding("task", "ok", f"{path}: ready to be run")
