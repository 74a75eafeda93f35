"""`autotuner task-fields` and `result-keys`: what may stand in a task file, and in a result."""

import json
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from core.errors import UsageError
from core.report.field_list import FieldLine, field_lines
from core.report.key_list import document_schema, key_lines


def print_fields(matching: str, *, as_json: bool) -> int:
    """Print the fields whose name or text has `matching` in it.

    Raises:
        UsageError: there are none.
    """
    lines = _matching(field_lines(), matching)
    if as_json:
        print(json.dumps([line.model_dump() for line in lines], indent=2))
        return 0
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    for line in lines:
        console.print(_shown(line))
    return 0


def print_keys(matching: str, *, as_json: bool) -> int:
    """Print the keys of a result in JSON and its columns in CSV whose name or text has `matching`.

    Args:
        as_json: the whole document's JSON Schema instead, whatever is matched.

    Raises:
        UsageError: there are none.
    """
    if as_json:
        print(json.dumps(document_schema(), indent=2))
        return 0
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    for line in _matching(key_lines(), matching):
        console.print(_shown(line))
    return 0


def _matching(lines: Iterable[FieldLine], text: str) -> list[FieldLine]:
    found = [line for line in lines if text.lower() in f"{line.field} {line.text}".lower()]
    if not found:
        raise UsageError(f"no field has '{text}' in its name or its text")
    return found


def _shown(line: FieldLine) -> Text:
    shown = Text(line.field, style="bold")
    if line.kind != "section" and not line.default:
        shown.append(f"  {line.kind}", "dim")
    elif line.kind != "section":
        shown.append(f"  {line.kind}; default {line.default}".replace("default req", "req"), "dim")
    if line.text:
        shown.append(f"\n    {line.text}", "not bold")
    return shown
