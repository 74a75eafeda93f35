"""Every wish, on every engine: real flags that the engine's catalogue takes, or a reason."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.dimensions import (
    PARALLEL_PRESETS,
    QUANT_FIELDS,
    QUANT_PRESETS,
    expand,
    expand_parallel,
    expand_quant,
)
from core.engines.model_facts import ModelFacts
from core.engines.registry import ENGINES
from core.task import Configuration, Task

TUNABLE = [name for name, engine in ENGINES.items() if engine.catalogue is not None]

DENSE = ModelFacts(format="huggingface")
AWQ = ModelFacts(format="huggingface", quantization="awq")
FP8 = ModelFacts(format="huggingface", quantization="fp8", experts=8)


def task(runtime: str, **fields: object) -> Task:
    document = {"task_name": "t", "model": {"id_or_path": "m"}, "base_runtime": runtime}
    return Task.model_validate({**document, **fields})


@pytest.mark.parametrize("name", TUNABLE)
def test_every_combination_is_real_flags_or_a_reason(name: str) -> None:
    catalogue = ENGINES[name].catalogue
    assert catalogue is not None
    for values in product(*QUANT_FIELDS.values()):
        expansion = expand_quant(name, dict(zip(QUANT_FIELDS, values, strict=True)))
        if expansion.refusal is not None:
            assert expansion.refusal
            continue
        for flag, value in expansion.flags.items():
            assert catalogue.refuse(flag, value) is None, (values, flag, value)
            assert value is not None
        if set(values) != {"auto"}:
            assert expansion.flags or expansion.notes or name == "simulated", values


@pytest.mark.parametrize("name", TUNABLE)
def test_presets_of_quantisation_are_distinct_servers(name: str) -> None:
    """Presets that come to nothing once made five experiments of one server."""
    flags = [expand_quant(name, {"preset": preset}) for preset in QUANT_PRESETS]
    usable = [str(sorted(e.flags.items())) for e in flags if e.refusal is None]
    # The simulated engine's weights are bfloat16 anyway, so "bf16-stable" is "kv-cache-fp8" there.
    assert len(set(usable)) >= len(usable) - (name == "simulated")
    assert flags[0].flags == {}


@pytest.mark.parametrize("name", PARALLEL_PRESETS)
def test_presets_of_parallelism_are_distinct_servers(name: str) -> None:
    catalogue = ENGINES[name].catalogue
    assert catalogue is not None
    expansions = [expand_parallel(name, {"preset": p}) for p in PARALLEL_PRESETS[name]]
    assert all(e.refusal is None for e in expansions)
    assert len({str(e.flags) for e in expansions}) == len(expansions)
    for flag, value in (item for e in expansions for item in e.flags.items()):
        assert catalogue.refuse(flag, value) is None


@pytest.mark.parametrize(
    ("engine", "dims", "flags"),
    [
        ("sglang", {"gemm_dtype": "fp8"}, {"quantization": "fp8"}),
        ("sglang", {"kvcache_dtype": "fp8"}, {"kv-cache-dtype": "fp8_e5m2"}),
        ("vllm", {"kvcache_dtype": "fp8"}, {"kv-cache-dtype": "fp8"}),
        ("vllm", {"kvcache_dtype": "int8"}, {"kv-cache-dtype": "int8_per_token_head"}),
        ("sglang", {"gemm_dtype": "bfloat16"}, {"dtype": "bfloat16"}),
        (
            "vllm",
            {"gemm_dtype": "fp8", "moe_dtype": "int8"},
            {
                "quantization": "online",
                "quantization-config": '{"linear": "fp8_per_tensor", '
                '"moe": "int8_per_channel_weight_only"}',
            },
        ),
        (
            "sglang",
            {"preset": "aggressive-moe"},
            {
                "dtype": "bfloat16",
                "quantization": "w4afp8",
                "kv-cache-dtype": "fp8_e5m2",
                "attention-backend": "flashinfer",
            },
        ),
        (
            "llamacpp",
            {"kvcache_dtype": "int8"},
            {"cache-type-k": "q8_0", "cache-type-v": "q8_0", "flash-attn": "on"},
        ),
        ("sglang", {"preset": "kv-cache-fp8", "kvcache_dtype": "auto"}, {}),
    ],
)
def test_wishes_of_quantisation(engine: str, dims: dict, flags: dict) -> None:
    expansion = expand_quant(engine, dims)
    assert expansion.refusal is None
    assert expansion.flags == flags


@pytest.mark.parametrize(
    ("engine", "dims", "facts", "told"),
    [
        ("sglang", {"gemm_dtype": "int8"}, None, "only from a quantised model"),
        ("sglang", {"kvcache_dtype": "int4"}, None, "no such type"),
        ("sglang", {"attention_dtype": "fp8"}, None, "needs an fp8 kvcache_dtype"),
        ("vllm", {"moe_dtype": "w4afp8"}, None, "only from a model quantised so"),
        ("llamacpp", {"gemm_dtype": "fp8"}, None, "GGUF file has its types"),
        ("vllm", {"preset": "fastest"}, None, "no quant_config preset"),
        ("vllm", {"gemm_type": "fp8"}, None, "quant_config has no gemm_type"),
        ("vllm", {"gemm_dtype": "fp4"}, None, "'fp4' is not one of"),
        ("custom", {"gemm_dtype": "fp8"}, None, "name its own under `parameters`"),
        ("vllm", {"gemm_dtype": "fp8"}, AWQ, "quantised already (awq)"),
        ("vllm", {"moe_dtype": "fp8"}, FP8, "quantised already (fp8)"),
        ("vllm", {"moe_dtype": "fp8"}, DENSE, "no experts"),
        ("sglang", {"attention_dtype": "float16", "moe_dtype": "bfloat16"}, None, "one dtype"),
    ],
)
def test_what_an_engine_cannot_do_is_said(
    engine: str, dims: dict, facts: ModelFacts | None, told: str
) -> None:
    refusal = expand_quant(engine, dims, facts).refusal
    assert refusal is not None
    assert told in refusal


def test_a_model_that_has_what_is_wished_for_takes_it() -> None:
    wish = {"gemm_dtype": "fp8", "moe_dtype": "fp8"}
    assert expand_quant("vllm", wish, FP8).flags == {"quantization": "fp8"}


@pytest.mark.parametrize(
    ("engine", "dims", "flags"),
    [
        ("vllm", {"tp": 2, "pp": 1}, {"tensor-parallel-size": 2}),
        ("vllm", {"tp_size": 4, "dcp": 4}, {"tensor-parallel-size": 4,
                                            "decode-context-parallel-size": 4}),
        ("vllm", {"tp": 2, "ep": 2}, {"tensor-parallel-size": 2, "enable-expert-parallel": True}),
        ("sglang", {"tp": 4, "enable_expert_parallel": True}, {"tp-size": 4, "ep-size": 4}),
        ("sglang", {"tp": 4, "dp": 2, "enable_dp_attention": True},
         {"tp-size": 4, "attn-dp-size": 2}),
        ("sglang", {"moe_dense_tp": 1}, {"moe-dense-tp-size": 1}),
        ("vllm", {"moe_dense_tp": 1, "enable_expert_parallel": False}, {}),
        ("simulated", {"preset": "balanced"}, {"tp-size": 2, "dp-size": 4}),
        ("llamacpp", {"preset": None, "tp": 1}, {}),
    ],
)  # fmt: skip
def test_wishes_of_parallelism(engine: str, dims: dict, flags: dict) -> None:
    expansion = expand_parallel(engine, dims)
    assert expansion.refusal is None
    assert expansion.flags == flags


@pytest.mark.parametrize(
    ("engine", "dims", "told"),
    [
        ("vllm", {"ep": 3, "tp": 2}, "spreads experts over 2 GPUs"),
        ("vllm", {"moe_dense_tp": 2}, "vllm has no such parallelism"),
        ("simulated", {"pp": 2}, "simulated has no such parallelism"),
        ("llamacpp", {"tp": 2}, "split-mode"),
        ("vllm", {"tp": 0}, "'0' is no size"),
        ("vllm", {"tp": "two"}, "'two' is no size"),
        ("vllm", {"tp": True}, "no size"),
        ("vllm", {"preset": "huge"}, "no parallel_config preset of vllm"),
        ("vllm", {"xp": 2}, "parallel_config has no xp"),
    ],
)
def test_what_parallelism_an_engine_lacks_is_said(engine: str, dims: dict, told: str) -> None:
    refusal = expand_parallel(engine, dims).refusal
    assert refusal is not None
    assert told in refusal


def test_a_named_flag_lies_over_a_wish_and_a_wish_over_a_fixed_flag() -> None:
    asked = task("vllm", engine={"arguments": {"kv_cache_dtype": "auto", "max_num_seqs": 8}})
    wish = {"quant_config.kvcache_dtype": "fp8", "parallel_config.tp": 2}
    flags = ENGINES["vllm"].flags(asked, Configuration(wish))
    assert flags == {"kv-cache-dtype": "fp8", "max-num-seqs": 8, "tensor-parallel-size": 2}
    named = Configuration({**wish, "kv-cache-dtype": "fp8_e4m3"})
    assert ENGINES["vllm"].flags(asked, named)["kv-cache-dtype"] == "fp8_e4m3"
    assert ENGINES["vllm"].gpus_needed(asked, named) == 2


@given(st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text()))
def test_nonsense_is_refused_and_never_raises(dims: dict) -> None:
    for engine in ENGINES:
        for prefix in ("quant_config.", "parallel_config."):
            found = expand(engine, {prefix + name: value for name, value in dims.items()})
            assert found.refusal or not found.flags
