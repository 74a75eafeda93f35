"""The simulated engine as the rest of the program sees it: an engine like any other."""

import difflib
import sys
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from core.engines import metric_names, recommended, sglang_rules
from core.engines.catalogue import Catalogue
from core.engines.engine import Command, Engine, GpuFacts, RequestShape
from core.engines.in_force import InForce, plain_arguments
from core.engines.model_facts import ModelFacts
from core.engines.signs import COMMON_SIGNS, Sign
from core.engines.simulated.machines import GPUS, MODELS
from core.engines.sizes import number
from core.errors import TaskError
from core.events import FailureKind
from core.task import Configuration, FlagValue, ParameterSpace, Task


class Simulated(Engine):
    """A server process that plays a model of a machine. It needs no GPU."""

    name = "simulated"
    simulated = True
    requests = RequestShape(extras={"ignore_eos": True})
    metrics = metric_names.SIMULATED
    cache_reset_paths = ("/flush_cache",)
    info_paths = ("/get_server_info",)
    signs = (
        Sign.of(
            r"chunked_prefill_size \((?P<chunk>-?\d+)\) must be divisible by page_size"
            r" \((?P<page>\d+)\)",
            FailureKind.BAD_FLAGS,
            "a chunk of {chunk} tokens is no whole number of pages of {page} tokens",
            "make chunked-prefill-size a multiple of page-size",
        ),
        Sign.of(
            r"num_attention_heads \((?P<heads>\d+)\) must be divisible by tensor parallel size"
            r" \((?P<shards>\d+)\)",
            FailureKind.BAD_FLAGS,
            "the model's {heads} attention heads cannot be shared out to {shards} GPUs",
            "choose a tp-size that divides the number of heads",
        ),
        Sign.of(
            r"FlashAttention v3 has no kernels for (?P<gpu>\S+);",
            FailureKind.BAD_FLAGS,
            "the attention backend fa3 does not run on a {gpu}",
            "set attention-backend to flashinfer or triton, or leave it out",
        ),
        Sign.of(
            r"is greater than the derived context length \((?P<longest>\d+)\)",
            FailureKind.BAD_FLAGS,
            "the model's context ends at {longest} tokens",
            "lower context-length, or leave it out",
        ),
        Sign.of(
            r"mem_fraction_static must be below 1",
            FailureKind.BAD_FLAGS,
            "mem-fraction-static is a share of the memory",
            "choose a value below 1",
        ),
        Sign.of(
            r"invalid device ordinal: (?P<wanted>\d+) GPUs wanted, the machine has (?P<has>\d+)",
            FailureKind.BAD_FLAGS,
            "{wanted} GPUs are needed, and the machine has {has}",
            "lower tp-size or dp-size",
        ),
        Sign.of(
            r"Capture cuda graph failed: CUDA out of memory",
            FailureKind.OUT_OF_MEMORY,
            "the GPU ran out of memory while CUDA graphs were captured",
            "lower mem-fraction-static or cuda-graph-max-bs",
        ),
        *COMMON_SIGNS,
    )

    @cached_property
    def catalogue(self) -> Catalogue:
        """The flags of the server, but for those that every launch sets: model, host, port."""
        return Catalogue.load(self.name)

    def command(
        self, task: Task, configuration: Configuration, *, port: int, host: str = "127.0.0.1"
    ) -> Command:
        """Return `python -P -m core.engines.simulated --model-path MODEL …`.

        Raises:
            TaskError: there is no such model.
        """
        model = task.model.id_or_path
        if model not in MODELS:
            near = difflib.get_close_matches(model, MODELS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            known = f"the simulated engine knows {', '.join(MODELS)}"
            raise TaskError([f"model.id_or_path: '{model}' is no model; {known}{hint}"])
        python = task.engine.executable or sys.executable
        program = [python, "-P", "-m", "core.engines.simulated"]
        fixed = ["--model-path", model, "--host", host, "--port", str(port)]
        flags = self.catalogue.write(self.flags(task, configuration))
        return Command(argv=(*program, *fixed, *flags), environment=task.engine.environment)

    def own_account(self, pages: Mapping[str, Any]) -> InForce:
        """Return what the page of the server's arguments says."""
        page = next((page for page in pages.values() if isinstance(page, Mapping)), {})
        return InForce(version=self.catalogue.version, arguments=plain_arguments(page))

    def facts(self, task: Task) -> ModelFacts | None:
        """Return the shape of the model that is played."""
        return facts_of(task.model.id_or_path)

    def conflict(
        self,
        flags: Mapping[str, FlagValue],
        facts: ModelFacts | None,
        gpus: GpuFacts | None,  # noqa: ARG002
    ) -> str | None:
        """Return which flags do not go together, by SGLang's rules, on the GPUs that are played."""
        board = GPUS.get(str(flags.get("gpu") or "H100-80GB"))
        played = None
        if board is not None:
            count = number(flags, "gpu-count", 8)
            played = GpuFacts(count=count, memory=int(board.memory))
            if flags.get("attention-backend") == "fa3" and not board.hopper:
                return f"attention-backend fa3 does not run on a {board.name}"
        return sglang_rules.conflict(flags, facts, played)

    def recommended_space(
        self, facts: ModelFacts | None, gpus: GpuFacts | None
    ) -> dict[str, ParameterSpace]:
        """Return the flags that matter most, with values that suit the model and the GPUs."""
        return recommended.simulated(facts, gpus)

    def gpus_needed(self, task: Task, configuration: Configuration) -> int:
        """Return tp-size × dp-size; 1 for a value that is no number."""
        flags = self.flags(task, configuration)
        needed = 1
        for name in ("tp-size", "dp-size"):
            try:
                needed *= int(flags.get(name) or 1)
            except ValueError:
                continue
        return needed


def facts_of(name: str) -> ModelFacts | None:
    """Return the published shape of a model that can be played; None for any other."""
    model = MODELS.get(name)
    if model is None:
        return None
    return ModelFacts(
        format="simulated",
        parameters=int(model.parameters),
        weight_bytes=int(model.parameters * 2),
        layers=model.layers,
        hidden=model.hidden,
        heads=model.heads,
        kv_heads=model.kv_heads,
        head_size=model.head_size,
        vocabulary=model.vocabulary,
        experts=model.experts if model.experts > 1 else 0,
        context=model.context,
        dtype="bfloat16",
    )
