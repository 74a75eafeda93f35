"""`autotuner engines` and `autotuner engines scan`: which engines are here, and their flags."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from core.engines.catalogue import scanned_path
from core.engines.scanning import SCANNABLE, Found, look, scan
from core.errors import HostError, UsageError
from core.paths import path_of


def list_engines(*, as_json: bool) -> int:
    """Print where each engine is found, which version it is, and whose flags are known."""
    found = [look(engine) for engine in SCANNABLE]
    if as_json:
        print(json.dumps([one.model_dump() for one in found], indent=2))
        return 0
    table = Table(box=None, pad_edge=False)
    for heading in ("engine", "installed", "flags known of", "where"):
        table.add_column(heading, overflow="fold")
    for one in found:
        known = f"{one.known_version} ({'scanned' if one.scanned else 'shipped'})"
        table.add_row(one.engine, one.version or "–", known, one.place or one.trouble)
    table.add_row("simulated", "built in", "1 (shipped)", "")
    Console(highlight=False, markup=False, emoji=False).print(table)
    for one in found:
        if one.place and (said := one.mismatch or one.trouble):
            print(said)
    return 0


def scan_engines(engine: str | None, executable: str | None) -> int:
    """Read the flags of an installed engine, or of all that are found, and keep them.

    Raises:
        UsageError: the engine cannot be scanned.
        HostError: it is not here, or does not tell its flags.
    """
    if engine is None and executable is not None:
        raise UsageError("--executable belongs to one engine; name it: `engines scan vllm …`")
    named = [engine] if engine else [one.engine for one in _present()]
    if not named:
        raise HostError(
            "no engine is found here; name its program, its Python or its venv with --executable"
        )
    for name in named:
        catalogue = scan(name, executable)
        where = _short(scanned_path(name))
        print(f"{name} {catalogue.version}: {len(catalogue.flags)} flags, kept in {where}")
    return 0


def _present() -> list[Found]:
    return [found for found in (look(engine) for engine in SCANNABLE) if found.place]


def _short(path: Path) -> str:
    home = str(path_of("~"))
    return str(path).replace(home, "~", 1) if str(path).startswith(home) else str(path)
