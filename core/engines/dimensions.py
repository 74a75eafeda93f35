"""Wishes that every engine spells differently, as parameters of the search beside real flags.

`quant_config` and `parallel_config` of a task become parameters named after them:
`quant_config.gemm_dtype: [auto, fp8]`, `parallel_config.tp: [1, 2]`, `quant_config.preset: [...]`.
The search sees ordinary parameters; `expand` turns a configuration's wishes into the engine's own
flags, and a flag that the configuration names itself lies over them. Combinations that come to the
same command line are one point of the space, and those that cannot be had are refused before any
launch.
"""

from collections.abc import Mapping

from core.engines.expansion import Expansion
from core.engines.model_facts import ModelFacts
from core.engines.parallelism import (
    PARALLEL_FIELDS,
    PARALLEL_PRESETS,
    expand_parallel,
    parallel_field,
)
from core.engines.quantisation import QUANT_FIELDS, QUANT_PRESETS, expand_quant
from core.task import FlagValue

__all__ = [
    "PARALLEL",
    "PARALLEL_FIELDS",
    "PARALLEL_PRESETS",
    "QUANT",
    "QUANT_FIELDS",
    "QUANT_PRESETS",
    "Expansion",
    "expand",
    "expand_parallel",
    "expand_quant",
    "is_dimension",
    "parallel_field",
]

QUANT = "quant_config."
PARALLEL = "parallel_config."
"""What the names of such parameters begin with."""


def is_dimension(name: str) -> bool:
    """Return whether a parameter is a wish and no flag of the engine."""
    return name.startswith((QUANT, PARALLEL))


def expand(
    engine: str, values: Mapping[str, FlagValue], facts: ModelFacts | None = None
) -> Expansion:
    """Return the flags of the wishes among `values`; what is no wish is left alone."""
    quant = _under(QUANT, values)
    parallel = _under(PARALLEL, values)
    found = Expansion()
    if quant:
        found |= expand_quant(engine, quant, facts)
    if parallel:
        found |= expand_parallel(engine, parallel)
    return found


def _under(prefix: str, values: Mapping[str, FlagValue]) -> dict[str, FlagValue]:
    return {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if name.startswith(prefix)
    }
