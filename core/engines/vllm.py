"""vLLM: `vllm serve`."""

from functools import cached_property
from pathlib import Path

from core.engines.catalogue import Catalogue
from core.engines.engine import Command, Engine, RequestShape
from core.engines.python_program import find_program
from core.engines.sizes import number
from core.engines.vllm_signs import VLLM_SIGNS
from core.task import Configuration, Task

_ENVIRONMENT = {
    # Development endpoints: without them the prefix cache could not be emptied between levels, and
    # the arguments in force not be read back. The server listens on this machine alone.
    "VLLM_SERVER_DEV_MODE": "1",
    "VLLM_NO_USAGE_STATS": "1",
}


class Vllm(Engine):
    """A vLLM server."""

    name = "vllm"
    image = "vllm/vllm-openai"
    requests = RequestShape(extras={"ignore_eos": True}, length_fields=("max_tokens", "min_tokens"))
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
            found = find_program(task.engine.executable, module="vllm", program="vllm")
            python = Path(found).name.startswith("python")
            program = (
                [found, "-m", "vllm.entrypoints.cli.main", "serve"] if python else [found, "serve"]
            )
        fixed = [task.model.id_or_path, "--host", host, "--port", str(port)]
        flags = self.catalogue.write(self.flags(task, configuration))
        return Command(
            argv=(*program, *fixed, *flags),
            environment={**_ENVIRONMENT, **task.engine.environment},
        )

    def gpus_needed(self, task: Task, configuration: Configuration) -> int:
        """Return tp · pp · dp · cp, the ranks that vLLM starts."""
        flags = self.flags(task, configuration)
        ranks = 1
        for name in ("tensor", "pipeline", "data", "prefill-context"):
            ranks *= number(flags, f"{name}-parallel-size", 1)
        return ranks
