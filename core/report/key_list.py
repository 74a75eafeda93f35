"""Every key of the JSON document and every column of the CSV, with what stands there.

Made from the models that write them, so that it cannot fall behind them.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from core.report import figures
from core.report.document import RunDocument
from core.report.export import COLUMNS
from core.report.field_list import FieldLine

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
}
"""What columns mean that are no metric."""

Schema: TypeAlias = Mapping[str, Any]


def document_schema() -> dict[str, Any]:
    """Return the JSON Schema of what `export --format json` and `report --format json` write."""
    return RunDocument.model_json_schema(mode="serialization")


def key_lines() -> Iterator[FieldLine]:
    """Yield every key of the document, `findings.failures[].traits[].lift`, then every column.

    `[]` stands for each member of a list, `*` for each name of a mapping.
    """
    schema = document_schema()
    yield from _keys(schema, schema["$defs"], "")
    for name in COLUMNS:
        text = _COLUMNS.get(name) or f"{figures.metric_title(name)} of the load level."
        yield FieldLine(field=f"csv:{name}", kind="column", default="", text=text)
    text = "Value of a flag that varies; empty where it is left out."
    yield FieldLine(field="csv:parameter:*", kind="column", default="", text=text)


def _keys(schema: Schema, named: Schema, path: str) -> Iterator[FieldLine]:
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        parts = list(_parts(field, named, ""))
        kind = " or ".join(dict.fromkeys(_kind(part, suffix) for suffix, part in parts))
        told = [f["description"] for f in (field, *(p for _, p in parts)) if "description" in f]
        text = " ".join(told[0].split()) if told else ""
        yield FieldLine(field=here, kind=kind, default="", text=text)
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
    elif isinstance(schema.get("additionalProperties"), Mapping):
        yield from _parts(schema["additionalProperties"], named, f"{suffix}.*")
    else:
        yield suffix, schema


def _kind(schema: Schema, suffix: str) -> str:
    if "enum" in schema:
        own = ", ".join(map(str, schema["enum"]))
    else:
        own = str(schema.get("type", schema.get("const", "anything")))
    around = {"[": "list of ", ".": "mapping to "}.get(suffix[:1], "")
    return around + own
