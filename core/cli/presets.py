"""`autotuner presets list`, `show`, `import` and `export`."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from core.cli.output import write
from core.engines.presets import KnownPreset, folder, keep, shelf
from core.errors import UsageError
from core.report import figures
from core.report.experience import Experience, experience_of
from core.report.plan import Plan
from core.report.preset_text import plan_of_preset, preset_file
from core.store import Viewer
from core.task import read_preset


def list_presets(*, as_json: bool) -> int:
    """Print every preset with what it comes to."""
    found = shelf()
    plans = [_plan(known) for known in found.presets]
    for problem in found.problems:
        print(problem, file=sys.stderr)
    if as_json:
        facts = [_facts(known, plan) for known, plan in zip(found.presets, plans, strict=True)]
        print(json.dumps(facts, indent=2))
        return 0
    table = Table(box=None, pad_edge=False)
    for heading in ("preset", "engine", "configurations", "about", "description"):
        table.add_column(heading, no_wrap=heading != "description")
    for known, plan in zip(found.presets, plans, strict=True):
        size = plan.survey.distinct
        table.add_row(
            known.preset.name,
            known.preset.engine or "any",
            "uncountable" if size is None else f"{size:,}",
            "–" if size is None else figures.duration(plan.estimate.total),
            known.preset.description + ("" if known.path is None else " (your own)"),
        )
    Console(highlight=False, markup=False, emoji=False).print(table)
    print(f"About: with one load level of default size. Your own belong in {folder()}")
    return 0


def show(name: str) -> int:
    """Print a preset, and what it comes to.

    Raises:
        UsageError: there is none of that name.
    """
    known = _find(name)
    plan = _plan(known)
    print(f"# {plan.headline}")
    print(f"# {plan.estimate.basis}")
    print(f"# {known.path or 'built in'}")
    print(preset_file(known.preset, "yaml"), end="")
    return 0


def import_file(path: Path) -> int:
    """Take a preset file, in YAML or in the JSON that older tools export, into the user's folder.

    Raises:
        TaskError: the file is wrong.
        HostError: there is one of that name, or it cannot be written.
    """
    preset = read_preset(path)
    kept = keep(preset, preset_file(preset, "yaml"))
    print(f"{preset.name}: kept in {kept}; `presets: [{preset.name}]` in a task uses it")
    return 0


def export(name: str, form: Literal["yaml", "json"], output: Path | None) -> int:
    """Write a preset to a file or to standard output.

    Raises:
        UsageError: there is none of that name.
        HostError: the file cannot be written.
    """
    write(output, preset_file(_find(name).preset, form))
    return 0


def _find(name: str) -> KnownPreset:
    found = shelf()
    known = found.find(name)
    if known is None:
        raise UsageError(found.explain_unknown(name))
    return known


def _plan(known: KnownPreset) -> Plan:
    return plan_of_preset(known.preset, asyncio.run(_experience(known.preset.engine)))


async def _experience(engine: str | None) -> Experience | None:
    if engine is None:
        return None
    async with Viewer() as viewer:
        return await experience_of(viewer, engine, "")


def _facts(known: KnownPreset, plan: Plan) -> dict[str, object]:
    return {
        "name": known.preset.name,
        "engine": known.preset.engine,
        "description": known.preset.description,
        "configurations": plan.survey.distinct,
        "seconds": plan.estimate.total if plan.survey.distinct is not None else None,
        "path": str(known.path) if known.path else None,
    }
