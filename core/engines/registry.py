"""Every engine there is, by the name that `base_runtime` gives it."""

import difflib

from core.engines.custom import Custom
from core.engines.engine import Engine
from core.engines.llamacpp import LlamaCpp
from core.engines.sglang import Sglang
from core.engines.simulated.engine import Simulated
from core.engines.vllm import Vllm

ENGINES: dict[str, Engine] = {
    engine.name: engine for engine in (Simulated(), Sglang(), Vllm(), LlamaCpp(), Custom())
}


def explain_unknown(name: str) -> str:
    """Return what is wrong with an engine name that is not in `ENGINES`."""
    near = difflib.get_close_matches(name.lower(), list(ENGINES), n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"'{name}' is no engine; there are {', '.join(sorted(ENGINES))}{hint}"
