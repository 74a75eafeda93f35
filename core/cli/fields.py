"""`autotuner task-fields`: every field that a task file may have."""

import json
import sys

from rich.console import Console
from rich.text import Text

from core.errors import UsageError
from core.report.field_list import FieldLine, field_lines


def print_fields(matching: str, *, as_json: bool) -> int:
    """Print the fields whose name or text has `matching` in it.

    Raises:
        UsageError: there are none.
    """
    lines = [
        line for line in field_lines() if matching.lower() in f"{line.field} {line.text}".lower()
    ]
    if not lines:
        raise UsageError(f"no field has '{matching}' in its name or its text")
    if as_json:
        print(json.dumps([line.model_dump() for line in lines], indent=2))
        return 0
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    for line in lines:
        console.print(_shown(line))
    return 0


def _shown(line: FieldLine) -> Text:
    shown = Text(line.field, style="bold")
    if line.kind != "section":
        shown.append(f"  {line.kind}; default {line.default}".replace("default req", "req"), "dim")
    shown.append(f"\n    {line.text}", "not bold")
    return shown
