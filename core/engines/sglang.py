"""SGLang: `python -m sglang.launch_server`."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from core.engines import metric_names, recommended, sglang_rules
from core.engines.catalogue import Catalogue
from core.engines.engine import Command, Engine, GpuFacts, RequestShape
from core.engines.in_force import InForce, plain_arguments
from core.engines.memory_estimate import MemoryEstimate
from core.engines.model_facts import ModelFacts
from core.engines.python_program import interpreter
from core.engines.sglang_signs import SGLANG_SIGNS
from core.engines.sizes import number
from core.task import Configuration, FlagValue, ParameterSpace, Task


class Sglang(Engine):
    """An SGLang server; its page of metrics is switched on."""

    name = "sglang"
    image = "lmsysorg/sglang"
    requests = RequestShape(extras={"ignore_eos": True}, length_fields=("max_tokens", "min_tokens"))
    metrics = metric_names.SGLANG
    cache_reset_paths = ("/flush_cache",)
    info_paths = ("/server_info", "/get_server_info")
    signs = SGLANG_SIGNS

    @cached_property
    def catalogue(self) -> Catalogue:
        """The flags of the version that was read from the user's own SGLang, or is shipped."""
        return Catalogue.load(self.name)

    def command(
        self, task: Task, configuration: Configuration, *, port: int, host: str = "127.0.0.1"
    ) -> Command:
        """Return `python -m sglang.launch_server --model-path MODEL …`.

        Raises:
            HostError: SGLang's Python is not on this machine.
        """
        python = "python3"
        if task.deployment_mode == "local":
            python = interpreter(self.executable(task), module="sglang", program="sglang")
        flags = dict(self.flags(task, configuration))
        flags.setdefault("enable-metrics", True)
        if task.benchmark.model_name is not None:
            flags.setdefault("served-model-name", task.benchmark.model_name)
        fixed = ["--model-path", task.model.id_or_path, "--host", host, "--port", str(port)]
        argv = (python, "-m", "sglang.launch_server", *fixed, *self.catalogue.write(flags))
        return Command(argv=argv, environment=task.engine.environment)

    def fills_in(self, task: Task) -> bool:  # noqa: ARG002
        """It has no variables for its keys, and is a module of Python."""
        return True

    def own_account(self, pages: Mapping[str, Any]) -> InForce:
        """Return what the page of the server's arguments says."""
        page = next((page for page in pages.values() if isinstance(page, Mapping)), {})
        version = page.get("version")
        return InForce(version=str(version) if version else None, arguments=plain_arguments(page))

    def memory(
        self, task: Task, configuration: Configuration, facts: ModelFacts, gpus: GpuFacts
    ) -> MemoryEstimate | None:
        """Return what the configuration needs of each GPU's memory at the least."""
        return sglang_rules.memory(self.flags(task, configuration), facts, gpus)

    def conflict(
        self, flags: Mapping[str, FlagValue], facts: ModelFacts | None, gpus: GpuFacts | None
    ) -> str | None:
        """Return which flags do not go together, or with the model or the GPUs."""
        return sglang_rules.conflict(flags, facts, gpus)

    def recommended_space(
        self, facts: ModelFacts | None, gpus: GpuFacts | None
    ) -> dict[str, ParameterSpace]:
        """Return the flags that matter most, with values that suit the model and the GPUs."""
        return recommended.sglang(facts, gpus)

    def gpus_needed(self, task: Task, configuration: Configuration) -> int:
        """Return tp · pp · dp, of which dp counts whole replicas; 0 on the CPU.

        With `enable-dp-attention`, dp shares out attention within tp and takes no GPU of its own.
        """
        flags = self.flags(task, configuration)
        if flags.get("device") == "cpu":
            return 0
        replicas = 1 if flags.get("enable-dp-attention") else number(flags, "dp-size", 1)
        return number(flags, "tp-size", 1) * number(flags, "pp-size", 1) * replicas
