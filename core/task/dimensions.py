"""Precision and parallelism: two parts of a space that are spoken of alike for every engine.

quant_config: {gemm_dtype: [auto, fp8], kvcache_dtype: fp8_e5m2}     every combination of the fields
quant_config: {presets: [default, dynamic-fp8]}                      or named combinations
parallel_config: {tp: [1, 2, 4], dp: 1}
parallel_config: {preset: balanced, tp: 4}                           a field replaces the preset's

Each field is a parameter of the space: `parallel_config.tp`. What a combination is on a command
line, and which ones an engine can do, is for `core.engines.dimensions` to say.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from core.task.frozen import Section
from core.task.space import Choices

T = TypeVar("T")


def _one_or_many(raw: Any) -> Any:
    if raw is None:
        return ()
    return raw if isinstance(raw, list | tuple) else [raw]


Many: TypeAlias = Annotated[tuple[T, ...], BeforeValidator(_one_or_many)]
"""One value or a list of them; nothing is an empty list."""

Degree: TypeAlias = Annotated[int, Field(ge=1, le=1024)]
"""Into how many parts something is split."""


class Dimension(Section):
    """A part of the space whose points are several flags each."""

    OTHER_NAMES: ClassVar[Mapping[str, str]] = {}
    """Other names for the fields, `_` and `-` alike."""

    presets: Many[str] = ()
    """Named combinations, each a point; `preset` is the same. They differ from engine to engine."""

    @model_validator(mode="before")
    @classmethod
    def _one_name_for_each(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        known = {**cls.OTHER_NAMES, "preset": "presets"}
        renamed: dict[Any, Any] = {}
        for key, value in raw.items():
            plain = str(key).lstrip("-").replace("-", "_")
            name = known.get(plain, plain if plain in cls.model_fields else key)
            if name in renamed:
                raise ValueError(f"{key} says {name} a second time")
            renamed[name] = value
        return renamed

    def parameters(self) -> dict[str, Choices]:
        """Return the fields that are given, and `preset`, as parameters of the space."""
        fields = {"preset" if name == "presets" else name: name for name in type(self).model_fields}
        return {
            parameter: Choices(values=getattr(self, name))
            for parameter, name in fields.items()
            if getattr(self, name)
        }


class QuantConfig(Dimension):
    """In which precision the model computes. What is left out is for the engine to decide."""

    OTHER_NAMES: ClassVar = {"kv_cache_dtype": "kvcache_dtype"}

    gemm_dtype: Many[Literal["auto", "float16", "bfloat16", "float32", "fp8", "int8"]] = ()
    """Weights and activations of the linear layers."""
    kvcache_dtype: Many[
        Literal["auto", "fp16", "bfloat16", "fp8", "fp8_e5m2", "fp8_e4m3", "int8", "int4"]
    ] = ()
    """The KV cache."""
    attention_dtype: Many[
        Literal["auto", "float16", "bfloat16", "fp8", "fp8_e5m2", "fp8_e4m3", "fp8_block"]
    ] = ()
    """The attention computation."""
    moe_dtype: Many[Literal["auto", "float16", "bfloat16", "fp8", "w4afp8", "mxfp4", "int8"]] = ()
    """The experts of a mixture-of-experts model."""


class ParallelConfig(Dimension):
    """Over how many GPUs a server is spread, and how. What is left out is 1."""

    OTHER_NAMES: ClassVar = {
        **{
            f"{long}{ending}": short
            for short, longs in {
                "tp": ("tp", "tensor_parallel"),
                "pp": ("pp", "pipeline_parallel"),
                "dp": ("dp", "data_parallel"),
                "cp": ("cp", "context_parallel", "prefill_context_parallel"),
                "dcp": ("dcp", "decode_context_parallel"),
                "attn_dp": ("attn_dp",),
                "ep": ("ep", "expert_parallel"),
                "moe_tp": ("moe_tp", "moe_tensor_parallel"),
                "moe_ep": ("moe_ep", "moe_expert_parallel"),
                "moe_cluster": ("moe_cluster", "moe_cluster_parallel"),
                "moe_dense_tp": ("moe_dense_tp", "moe_dense_tensor_parallel"),
            }.items()
            for long in longs
            for ending in ("", "_size")
        }
    }

    tp: Many[Degree] = ()
    """Tensor parallelism: GPUs that share each layer."""
    pp: Many[Degree] = ()
    """Pipeline parallelism: groups of GPUs that have some of the layers each."""
    dp: Many[Degree] = ()
    """Data parallelism: copies of the model, or of its attention."""
    cp: Many[Degree] = ()
    """Context parallelism of the prefill."""
    dcp: Many[Degree] = ()
    """Context parallelism of the decoding."""
    ep: Many[Degree] = ()
    """Expert parallelism: groups of GPUs that have some of the experts each."""
    attn_dp: Many[Degree] = ()
    """Data parallelism of attention alone, within tp."""
    moe_tp: Many[Degree] = ()
    """Tensor parallelism of the experts."""
    moe_ep: Many[Degree] = ()
    """Expert parallelism, where the engine has both."""
    moe_cluster: Many[Degree] = ()
    """Clusters of experts."""
    moe_dense_tp: Many[Degree] = ()
    """Tensor parallelism of the dense layers of a mixture-of-experts model."""
    enable_expert_parallel: Many[bool] = ()
    """Whether experts are spread over the GPUs of the other kinds of parallelism."""
    enable_dp_attention: Many[bool] = ()
    """Whether dp is that of attention alone."""
