"""Every key of the JSON document and every column of the CSV, with what stands there.

Made from the models that write them, so that it cannot fall behind them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from core.events import SubRound
from core.report import figures
from core.report.document import RunDocument
from core.report.export import COLUMNS
from core.report.field_list import FieldLine
from core.task import STATISTICS

_COLUMNS = {
    "task": "What finds the run: `name#run`.",
    "simulated": "Whether the figures come from a model of a machine.",
    "experiment": "Its number.",
    "origin": "Why it was made: baseline, search, repeat, confirmation, soak or revert.",
    "configuration": "Its flags as JSON, sorted by name.",
    "outcome": "ok, infeasible, pruned, failed, cancelled or interrupted; empty while under way.",
    "failure": "Kind of failure; empty where it was measured.",
    "feasible": "Whether every hard SLO holds.",
    "objective": "What the run improves.",
    "value": "The objective's figure, over all load levels.",
    "score": "What ranks experiments; lower is better.",
    "violation": "How far SLOs are broken, as shares of their thresholds; 0 where all hold.",
    "sub_round": "Index of the load level; empty where none was measured.",
    "scenario": "Traffic of the load level.",
    "concurrency": "Requests under way at once; empty where they arrive at a rate.",
    "request_rate": "Requests that arrive in a second; empty where they are so many at once.",
    "started_at": "Unix time at which measuring began.",
    "duration": "Seconds that were measured.",
    "gpus": "GPUs that the server used.",
    "requests_sent": "Requests of the load level.",
    "requests_completed": "Those that were answered in full.",
    "requests_failed": "Those that were not.",
    "error_rate": "Failed requests as a share of those sent.",
    "total_throughput": "Prompt and generated tokens per second.",
    "total_throughput_per_gpu": "Prompt and generated tokens per second and GPU.",
    "power": "Watts of the server's GPUs; empty where they are not told.",
    "energy_per_token": "Joules for each generated token.",
    "throughput_per_watt": "Prompt and generated tokens per second and watt.",
    "cost_per_million_tokens": "Price of a million prompt and generated tokens.",
}
"""What columns mean that are no field of a sub-round."""

Schema: TypeAlias = Mapping[str, Any]


def document_schema() -> dict[str, Any]:
    """Return the JSON Schema of what `export --format json` and `report --format json` write."""
    schema: dict[str, Any] = _for_readers(RunDocument.model_json_schema(mode="serialization"))
    return schema


def key_lines() -> Iterator[FieldLine]:
    """Yield every key of the document, `findings.failures[].traits[].lift`, then every column.

    `[]` stands for each member of a list, `*` for each name of a mapping.
    """
    schema = document_schema()
    yield from _keys(schema, schema["$defs"], "")
    for name in COLUMNS:
        yield FieldLine(field=f"csv:{name}", kind="column", default="", text=_column(name))
    text = "Value of a flag that varies; empty where it is left out."
    yield FieldLine(field="csv:parameter:*", kind="column", default="", text=text)


def _keys(schema: Schema, named: Schema, path: str) -> Iterator[FieldLine]:
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        parts = list(_parts(field, named, ""))
        text = " ".join(field.get("description", "").split())
        yield FieldLine(field=here, kind=_kinds(parts), default="", text=text)
        for suffix, part in parts:
            yield from _keys(part, named, here + suffix)


def _parts(schema: Schema, named: Schema, suffix: str) -> Iterator[tuple[str, Schema]]:
    """Yield what may stand at a place, and below which further sign its own keys are found."""
    if "$ref" in schema:
        schema = named[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        for one in schema["anyOf"]:
            yield from _parts(one, named, suffix)
    elif isinstance(schema.get("items"), Mapping):
        yield from _parts(schema["items"], named, f"{suffix}[]")
    elif "prefixItems" in schema:
        for one in schema["prefixItems"]:
            yield from _parts(one, named, f"{suffix}[]")
    elif isinstance(schema.get("additionalProperties"), Mapping):
        yield from _parts(schema["additionalProperties"], named, f"{suffix}.*")
    else:
        yield suffix, schema


def _kinds(parts: Iterable[tuple[str, Schema]]) -> str:
    """Return what may stand at a place: `list of number or null`, `integer or null`."""
    kinds: dict[str, list[str]] = {}
    for suffix, part in parts:
        own = ", ".join(map(str, part["enum"])) if "enum" in part else None
        known = kinds.setdefault({"[": "list of ", ".": "mapping to "}.get(suffix[:1], ""), [])
        known.append(own or str(part.get("type", part.get("const", "anything"))))
    return " or ".join(
        around + " or ".join(dict.fromkeys(known)) for around, known in sorted(kinds.items())[::-1]
    )


def _column(name: str) -> str:
    if name in _COLUMNS:
        return _COLUMNS[name]
    family, _, statistic = name.rpartition("_")
    of_family = statistic in STATISTICS
    text = SubRound.model_fields[family if of_family else name].description or ""
    meant = " ".join(text.split()).partition(". ")[0].rstrip(".") + "."
    return f"{figures.metric_title(name)}. {meant}" if of_family else meant


def _for_readers(schema: Any) -> Any:
    """Return a schema whose texts say what JSON says."""
    if isinstance(schema, list):
        return [_for_readers(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: re.sub(r"\bNone\b", "null", part)
        if name == "description" and isinstance(part, str)
        else _for_readers(part)
        for name, part in schema.items()
    }
