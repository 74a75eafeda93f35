"""From what a task file says to what it comes to: its engine, and every parameter of its space.

Presets, recommended flags, precision and parallelism all become plain parameters, so that nothing
that comes later (the search, the screens, a run that is resumed after a preset has changed) has to
know of them. What a task names itself is never overruled.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from core.engines.dimensions import (
    PARALLEL,
    PARALLEL_PRESETS,
    QUANT,
    QUANT_PRESETS,
    expand,
    is_dimension,
)
from core.engines.engine import Engine, GpuFacts
from core.engines.model_facts import ModelFacts
from core.engines.presets import Shelf, shelf
from core.engines.registry import ENGINES, explain_unknown
from core.engines.secret_flags import hidden, tuned_secrets
from core.paths import is_there, path_of
from core.task import (
    FieldPath,
    Merged,
    ParameterSpace,
    Reading,
    Task,
    finite_values,
    merge,
    spell,
)

_VERSION = re.compile(r"\d+\.\d+")
_MODEL_ROOT = "/mnt/data/models"
"""Where older task files have their models; `AUTOTUNER_MODELS` names other folders."""


def engine_of(reading: Reading) -> Engine:
    """Return the engine that the task names; `sglang-llama-small` is sglang, as it used to be.

    Raises:
        TaskError: there is no such engine.
    """
    name = reading.task.base_runtime
    engine = engine_called(name)
    if engine is None:
        raise reading.mistakes([(("base_runtime",), explain_unknown(name))])
    return engine


def engine_called(name: str) -> Engine | None:
    """Return the engine whose name this is, or begins with."""
    return next((e for known, e in ENGINES.items() if name.lower().startswith(known)), None)


def resolved(
    reading: Reading,
    engine: Engine,
    facts: ModelFacts | None = None,
    gpus: GpuFacts | None = None,
) -> Reading:
    """Return the reading with the task as it will be run, and with what there is to say of it.

    Args:
        reading: the task file.
        engine: its engine.
        facts: the model, for recommended values; None where nothing is known of it.
        gpus: what a server may get; None where that is not known.

    Raises:
        TaskError: it names presets that there are not, or tunes a secret.
    """
    settled = settle(reading.task, engine, facts, gpus)
    if settled.mistakes:
        raise reading.mistakes(list(settled.mistakes))
    notices = (reading.source.at(path, message) for path, message in settled.told)
    return replace(reading, task=settled.task, notices=(*reading.notices, *notices))


@dataclass(frozen=True)
class Settled:
    """A task as it will be run."""

    task: Task
    told: tuple[tuple[FieldPath, str], ...]
    """What there is to say of it, and where."""
    mistakes: tuple[tuple[FieldPath, str], ...]
    """Presets that there are not, and secrets where none may be."""


def settle(
    task: Task,
    engine: Engine,
    facts: ModelFacts | None = None,
    gpus: GpuFacts | None = None,
) -> Settled:
    """Return the task with everything it asks for as parameters; see `resolved`."""
    shelved = shelf() if task.presets else Shelf((), ())
    told: list[tuple[FieldPath, str]] = []
    if task.base_runtime != engine.name:
        told.append((("base_runtime",), f"read as {engine.name}"))
    if (model := _under_a_root(task)) != task.model.id_or_path:
        told.append((("model", "id_or_path"), f"read as {model}"))
    if said := _on_the_tag(task, engine):
        told.append((("runtime_image_tag",), said))
    joined = _joined_presets(task, shelved)
    told += [(("presets",), conflict) for conflict in joined.conflicts]
    parameters = _wishes(task)
    recommended = engine.recommended_space(facts, gpus) if task.recommended else {}
    if task.recommended and not recommended:
        told.append((("parameters",), f"nothing is recommended for {engine.name}"))
    for source in (task.parameters, joined.parameters, recommended):
        parameters = {**parameters, **_not_in(parameters, source, engine)}
    told += _overruled(parameters, engine)
    of_secrets = hidden(task, engine)
    task = of_secrets.task
    told += of_secrets.told
    settled = task.model_copy(
        update={
            "base_runtime": engine.name,
            "model": task.model.model_copy(update={"id_or_path": model}),
            "parameters": parameters,
        }
    )
    mistakes = (
        *_preset_mistakes(task, engine, shelved),
        *_dimension_mistakes(task, engine),
        *of_secrets.mistakes,
        *tuned_secrets(settled, engine),
    )
    return Settled(settled, tuple(told), mistakes)


def _on_the_tag(task: Task, engine: Engine) -> str:
    """Return what there is to say of the image's tag: without effect, or of another version."""
    tag, known = task.runtime_image_tag, engine.catalogue
    if tag is None:
        return ""
    said = [] if task.deployment_mode == "docker" else ["only counts with deployment_mode: docker"]
    if known is not None and _VERSION.search(tag) and known.version not in tag:
        said.append(f"the flags known here are those of {engine.name} {known.version}")
    return "; ".join(said)


def _wishes(task: Task) -> dict[str, ParameterSpace]:
    """Return precision and parallelism as parameters; one that is spelled out comes first."""
    sections = ((QUANT, task.quant_config), (PARALLEL, task.parallel_config))
    return {
        name + field: task.parameters.get(name + field, values)
        for name, section in sections
        for field, values in section.parameters().items()
    }


def _overruled(
    parameters: Mapping[str, ParameterSpace], engine: Engine
) -> list[tuple[FieldPath, str]]:
    """Return the wishes that a flag which is named itself leaves without effect."""
    named = {_plain(name, engine): name for name in parameters if not is_dimension(name)}
    told: list[tuple[FieldPath, str]] = []
    for wish, space in parameters.items():
        for value in finite_values(space) if is_dimension(wish) else ():
            flags = expand(engine.name, {wish: value}).flags
            if flag := next((flag for flag in flags if flag in named), None):
                section, _, field = wish.partition(".")
                overruled = f"{spell(value)} has no effect, as parameters.{named[flag]} decides"
                told.append(((section, field), overruled))
    return told


def _not_in(
    known: Mapping[str, ParameterSpace], more: Mapping[str, ParameterSpace], engine: Engine
) -> dict[str, ParameterSpace]:
    """Return those of `more` that are not named yet, by whichever of a flag's names."""
    taken = {_plain(name, engine) for name in known}
    return {name: space for name, space in more.items() if _plain(name, engine) not in taken}


def _plain(name: str, engine: Engine) -> str:
    flag = engine.catalogue.find(name) if engine.catalogue else None
    return flag.name if flag else name


def _joined_presets(task: Task, shelved: Shelf) -> Merged:
    found = [known.preset for name in task.presets if (known := shelved.find(name))]
    return merge(found, task.presets_merge)


def _preset_mistakes(task: Task, engine: Engine, shelved: Shelf) -> list[tuple[FieldPath, str]]:
    mistakes: list[tuple[FieldPath, str]] = []
    for index, name in enumerate(task.presets):
        known = shelved.find(name)
        if known is None:
            mistakes.append((("presets", index), shelved.explain_unknown(name)))
        elif known.preset.engine not in {None, engine.name}:
            told = f"'{name}' is a preset for {known.preset.engine}, not for {engine.name}"
            mistakes.append((("presets", index), told))
    return mistakes


def _dimension_mistakes(task: Task, engine: Engine) -> list[tuple[FieldPath, str]]:
    known = {
        "quant_config": (task.quant_config.presets, list(QUANT_PRESETS)),
        "parallel_config": (
            task.parallel_config.presets,
            list(PARALLEL_PRESETS.get(engine.name, {})),
        ),
    }
    return [
        ((section,), f"'{name}' is no preset of {engine.name}; {_listed(presets)}")
        for section, (names, presets) in known.items()
        for name in names
        if name not in presets
    ]


def _listed(names: list[str]) -> str:
    return f"there are {', '.join(names)}" if names else "it has none"


def _under_a_root(task: Task) -> str:
    """Return the model, by its path where its bare name is a folder or file of a model root."""
    name = task.model.id_or_path
    if task.base_runtime.startswith("simulated") or "/" in name or is_there(Path(name)):
        return name
    for root in os.environ.get("AUTOTUNER_MODELS", _MODEL_ROOT).split(os.pathsep):
        if root and is_there(path_of(root) / name):
            return str(path_of(root) / name)
    return name
