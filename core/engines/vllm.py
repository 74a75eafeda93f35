"""vLLM: `vllm serve`."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from core.engines import metric_names, recommended, vllm_rules
from core.engines.catalogue import Catalogue
from core.engines.engine import Command, Engine, GpuFacts, RequestShape
from core.engines.in_force import InForce, merged_sections
from core.engines.memory_estimate import MemoryEstimate
from core.engines.model_facts import ModelFacts
from core.engines.python_program import find_program
from core.engines.sizes import number
from core.engines.vllm_signs import VLLM_SIGNS
from core.task import Configuration, FlagValue, ParameterSpace, Task

_ENVIRONMENT = {
    # Development endpoints: without them the prefix cache could not be emptied between levels, and
    # the arguments in force not be read back. The server listens on this machine alone.
    "VLLM_SERVER_DEV_MODE": "1",
    "VLLM_NO_USAGE_STATS": "1",
}

_INNER_NAMES = (
    ("kv_cache_dtype", "cache_config", "cache_dtype"),
    ("scheduling_policy", "scheduler_config", "policy"),
    ("max_model_len", "model_config", "max_model_len"),
    ("enforce_eager", "model_config", "enforce_eager"),
    ("max_cudagraph_capture_size", "compilation_config", "max_cudagraph_capture_size"),
)
"""Flags whose value has another name in vLLM's configuration, or one that several sections use."""


def _entry(page: Any, name: str) -> Any:
    return page.get(name) if isinstance(page, Mapping) else None


class Vllm(Engine):
    """A vLLM server."""

    name = "vllm"
    image = "vllm/vllm-openai"
    secret_variables = {"api-key": "VLLM_API_KEY", "hf-token": "HF_TOKEN"}  # noqa: RUF012
    requests = RequestShape(extras={"ignore_eos": True}, length_fields=("max_tokens", "min_tokens"))
    metrics = metric_names.VLLM
    cache_reset_paths = ("/reset_prefix_cache",)
    info_paths = ("/version", "/server_info?config_format=json")
    signs = VLLM_SIGNS

    @cached_property
    def catalogue(self) -> Catalogue:
        """The flags of the version that was read from the user's own vLLM, or is shipped."""
        return Catalogue.load(self.name)

    def command(
        self, task: Task, configuration: Configuration, *, port: int, host: str = "127.0.0.1"
    ) -> Command:
        """Return `vllm serve MODEL …`, or the same through a named Python.

        Raises:
            HostError: vLLM is not on this machine.
        """
        program = ["vllm", "serve"]
        if task.deployment_mode == "local":
            found = find_program(self.executable(task), module="vllm", program="vllm")
            python = Path(found).name.startswith("python")
            program = (
                [found, "-m", "vllm.entrypoints.cli.main", "serve"] if python else [found, "serve"]
            )
        fixed = [task.model.id_or_path, "--host", host, "--port", str(port)]
        flags = dict(self.flags(task, configuration))
        if task.benchmark.model_name is not None:
            flags.setdefault("served-model-name", task.benchmark.model_name)
        return Command(
            argv=(*program, *fixed, *self.catalogue.write(flags)),
            environment={**_ENVIRONMENT, **task.engine.environment},
        )

    def own_account(self, pages: Mapping[str, Any]) -> InForce:
        """Return the version, and the arguments where the development pages are on."""
        version = _entry(pages.get("/version"), "version")
        sections = _entry(_entry(pages, "/server_info"), "vllm_config")
        arguments = merged_sections(sections) if isinstance(sections, Mapping) else {}
        for flag, section, name in _INNER_NAMES:
            value = _entry(_entry(sections, section), name)
            if isinstance(value, bool | int | float | str):
                arguments[flag] = value
        return InForce(version=str(version) if version else None, arguments=arguments)

    def memory(
        self, task: Task, configuration: Configuration, facts: ModelFacts, gpus: GpuFacts
    ) -> MemoryEstimate | None:
        """Return what the configuration needs of each GPU's memory at the least."""
        return vllm_rules.memory(self.flags(task, configuration), facts, gpus)

    def conflict(
        self, flags: Mapping[str, FlagValue], facts: ModelFacts | None, gpus: GpuFacts | None
    ) -> str | None:
        """Return which flags do not go together, or with the model or the GPUs."""
        return vllm_rules.conflict(flags, facts, gpus)

    def recommended_space(
        self, facts: ModelFacts | None, gpus: GpuFacts | None
    ) -> dict[str, ParameterSpace]:
        """Return the flags that matter most, with values that suit the model and the GPUs."""
        return recommended.vllm(facts, gpus)

    def gpus_needed(self, task: Task, configuration: Configuration) -> int:
        """Return tp · pp · dp · cp, the ranks that vLLM starts; 0 on the CPU.

        The CPU is a build of vLLM and no flag; variables that only that build reads give it away.
        """
        if any(name.startswith("VLLM_CPU_") for name in task.engine.environment):
            return 0
        flags = self.flags(task, configuration)
        ranks = 1
        for name in ("tensor", "pipeline", "data", "prefill-context"):
            ranks *= number(flags, f"{name}-parallel-size", 1)
        return ranks
