"""The first draft of a new task, from what the machine offers."""

from core.engines.model_facts import ModelFacts
from core.engines.model_reading import read_facts
from core.engines.registry import ENGINES
from core.errors import HostError
from tui.form.discovery import FoundModel, Machine
from tui.form.draft import Draft
from tui.form.values import parse_values, write_values

_ORDER = ("sglang", "vllm", "llamacpp", "simulated")
"""Which engine is proposed, if there are several."""

_SIMULATED = """\
# Nothing but this program is needed for a first run: the engine is simulated. r starts it.
task_name: first-look
description: An 8B model on one simulated RTX 4090 that has to begin its answers within 0.2 s
base_runtime: simulated
model:
  id_or_path: llama-3.1-8b
engine:
  arguments: {gpu: RTX-4090, start-speed: 25}

parameters:
  quantization: [null, fp8]
  kv-cache-dtype: [auto, fp8_e5m2]
  chunked-prefill-size: [2048, 8192]

optimization:
  objective: maximize_throughput
  max_iterations: 8

benchmark:
  traffic_scenarios: ["D(400,32)"]
  num_concurrency: [12]
  max_requests_per_iteration: 60
  max_time_per_iteration: 5s

slo:
  ttft: {p90: {threshold: 0.2, hard_fail: true, fail_ratio: 0}}
"""

_REAL = """\
task_name: {name}
base_runtime: {engine}
model:
  id_or_path: {model}

optimization:
  objective: maximize_throughput
  max_iterations: 24

benchmark:
  traffic_scenarios: ["D(1000,200)"]
  num_concurrency: [8, 32]
  max_requests_per_iteration: 100
  max_time_per_iteration: 3m

slo:
  ttft: {{p90: {{threshold: 2.0, hard_fail: true}}}}
"""


def propose(machine: Machine) -> Draft:
    """Return a task that can be started as it stands, on the best engine that was found."""
    for engine in _ORDER:
        model = model_for(engine, machine)
        if machine.engine(engine) is not None and model is not None and engine != "simulated":
            name = _name_of(model.id_or_path)
            draft = Draft(_REAL.format(name=name, engine=engine, model=model.id_or_path))
            return with_recommended(draft, machine)
    return Draft(_SIMULATED)


def with_recommended(draft: Draft, machine: Machine | None) -> Draft:
    """Return the draft with the flags to tune that its engine recommends for model and machine.

    Raises:
        ValueError: the draft is no list of keys.
    """
    engine = ENGINES.get(str(draft.get("base_runtime")))
    if engine is None:
        return draft
    gpus = machine.gpu_facts if machine is not None else None
    space = engine.recommended_space(facts_of_model(str(draft.get("model", "id_or_path"))), gpus)
    draft = draft.without(("parameters",))
    for name, values in space.items():
        draft = draft.having(("parameters", name), parse_values(write_values(values)))
    return draft


def facts_of_model(id_or_path: str) -> ModelFacts | None:
    """Return what a model's own files tell; None where they are not here, or tell nothing."""
    try:
        return read_facts(id_or_path)
    except HostError:
        return None


def model_for(engine: str, machine: Machine) -> FoundModel | None:
    """Return the largest model that the engine can serve."""
    fitting = [m for m in machine.models if m.gguf == (engine == "llamacpp")]
    return max(fitting, key=lambda model: model.size_bytes, default=None)


def _name_of(model: str) -> str:
    stem = model.rstrip("/").rpartition("/")[2].removesuffix(".gguf")
    return "".join(c if c.isalnum() or c in ".-_" else "-" for c in stem).lower() or "first"
