"""A preset in words and as a file, and what it comes to on its own."""

import io
import json
from typing import Literal

from ruamel.yaml import YAML

from core.engines.registry import ENGINES
from core.engines.simulated.machines import MODELS
from core.report.experience import Experience
from core.report.plan import Plan, plan_of
from core.search.of_task import space_of
from core.task import Preset, Task

_COMMAND = "server --port {port} {flags}"


def plan_of_preset(preset: Preset, experience: Experience | None = None) -> Plan:
    """Return what a task that tunes nothing but the preset comes to, with all else at its default.

    Args:
        preset: the preset; one for any engine is taken as if for one that knows any flag.
        experience: what earlier runs took.
    """
    engine = ENGINES.get(preset.engine or "", ENGINES["custom"])
    task = Task.model_validate(
        {
            "task_name": preset.name,
            "model": {"id_or_path": next(iter(MODELS))},
            "base_runtime": engine.name,
            "engine": {"command": _COMMAND},
            "optimization": {"max_iterations": 1_000_000, "baseline": False, "confirmation": False},
        }
    ).model_copy(update={"parameters": preset.parameters})
    return plan_of(task, engine, space_of(task, engine), experience)


def preset_file(preset: Preset, form: Literal["yaml", "json"]) -> str:
    """Return the preset as a file: YAML, or the JSON that older tools exchange."""
    fields = preset.model_dump(mode="json", exclude_defaults=True)
    if form == "json":
        renamed = {("runtime" if key == "engine" else key): value for key, value in fields.items()}
        document = {"version": "1.0", "preset": {**renamed, "parameters": _lists(preset)}}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    buffer = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump({**fields, "parameters": _lists(preset)}, buffer)
    return buffer.getvalue()


def _lists(preset: Preset) -> dict[str, object]:
    """Return the parameters with plain choices as lists, the form that everybody reads."""
    return {
        name: list(space.values)
        if space.type in {"choice", "categorical"} and not space.when
        else space.model_dump(mode="json", exclude_defaults=True)
        for name, space in preset.parameters.items()
    }
