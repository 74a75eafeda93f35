"""What is known before a launch not to work, and that nothing else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.engine import GpuFacts
from core.engines.memory_estimate import GIB, RESERVE, MemoryEstimate, cache_element
from core.engines.model_facts import ModelFacts
from core.engines.registry import ENGINES
from core.engines.simulated.arguments import parse_arguments, settle
from core.engines.simulated.startup import launch
from core.engines.sizes import size
from core.task import DEFAULTS, Choices, Configuration, Task

LLAMA_8B = ModelFacts(
    format="huggingface", weight_bytes=16_060_000_000, layers=32, hidden=4096, heads=32,
    intermediate=14_336, kv_heads=8, head_size=128, vocabulary=128_256, context=131_072,
    dtype="bfloat16",
)  # fmt: skip
LLAMA_70B = LLAMA_8B.model_copy(
    update={
        "weight_bytes": 141_100_000_000, "layers": 80, "hidden": 8192, "heads": 64,
        "intermediate": 28_672,
    }
)  # fmt: skip
EIGHT_H100 = GpuFacts(count=8, memory=int(79.1 * GIB))
ONE_4090 = GpuFacts(count=1, memory=int(23.5 * GIB))


def refusal(
    engine: str,
    configuration: dict,
    facts: ModelFacts | None = LLAMA_8B,
    gpus: GpuFacts | None = EIGHT_H100,
    model: str = "m",
) -> str | None:
    document = {"task_name": "t", "model": {"id_or_path": model}, "base_runtime": engine}
    task = Task.model_validate(document)
    return ENGINES[engine].refuse(task, Configuration(configuration), facts, gpus)


@pytest.mark.parametrize(
    ("engine", "configuration", "told"),
    [
        ("sglang", {"tp": 4, "pp": 2, "dp": 2}, "tp 4 × pp 2 × dp 2 = 16 GPUs are needed, and "),
        ("vllm", {"tp": 16}, "tp 16 × pp 1 × dp 1 × cp 1 = 16 GPUs"),
        ("sglang", {"tp": 3}, "tp-size 3 does not divide the model's 32 attention heads"),
        ("vllm", {"tp": 6}, "tensor-parallel-size 6 does not divide the model's 32"),
        ("sglang", {"tp": 4, "attn-dp-size": 3}, "attn-dp-size 3 does not divide tp-size 4"),
        ("sglang", {"tp": 2, "dp": 4, "enable-dp-attention": True}, "attn-dp-size 4 does not"),
        ("sglang", {"tp": 4, "ep-size": 3}, "ep-size 3 does not divide"),
        ("sglang", {"tp": 4, "moe-dense-tp-size": 2}, "moe-dense-tp-size is 1 or tp-size"),
        ("sglang", {"chunked-prefill-size": 32, "page-size": 64}, "is less than page-size"),
        ("sglang", {"chunked-prefill-size": 100, "page-size": 64}, "is no multiple of page-size"),
        ("sglang", {"mem-fraction-static": 1.5}, "no share between 0 and 1"),
        ("sglang", {"context-length": "256K"}, "context-length 262144 is more than the model's"),
        ("vllm", {"max-model-len": 200_000}, "is more than the model's 131072"),
        ("vllm", {"max-num-batched-tokens": 2048, "enable-chunked-prefill": False},
         "less than max-model-len 131072, which needs chunked prefill"),
        ("vllm", {"max-num-batched-tokens": 64, "max-num-seqs": 128}, "less than max-num-seqs"),
        ("vllm", {"gpu-memory-utilization": 1.5}, "no share above 0"),
        ("vllm", {"tp": 8, "dcp": 3}, "does not divide tensor-parallel-size"),
        ("vllm", {"tp": 8, "dcp": 2}, "needs tensor-parallel-size of at least 2 × 8 KV heads"),
        ("vllm", {"enable-eplb": True}, "needs enable-expert-parallel"),
        ("llamacpp", {"cache-type-v": "q8_0", "flash-attn": "off"}, "needs flash-attn"),
        ("llamacpp", {"ubatch-size": 1024, "batch-size": 512}, "would be cut to batch-size"),
        ("vllm", {"quant_config.gemm_dtype": "int8"}, "only from a quantised model"),
        ("vllm", {"parallel_config.tp": 3}, "does not divide the model's 32"),
    ],
)  # fmt: skip
def test_what_is_known_not_to_work(engine: str, configuration: dict, told: str) -> None:
    refused = refusal(engine, configuration)
    assert refused is not None
    assert told in refused


@pytest.mark.parametrize(
    ("engine", "configuration"),
    [
        ("sglang", {"tp": 4, "attn-dp-size": 4, "ep-size": 4}),
        ("sglang", {"tp": 16}),
        ("sglang", {"chunked-prefill-size": -1, "page-size": 64}),
        ("vllm", {"max-num-batched-tokens": 2048}),
        ("vllm", {"max-num-batched-tokens": 64, "enable-chunked-prefill": False,
                  "max-model-len": 64}),
        ("vllm", {"tp": 16, "dcp": 2}),
        ("llamacpp", {"cache-type-v": "q8_0"}),
        ("llamacpp", {"ubatch-size": 4096}),
        ("custom", {"anything": 1}),
        ("vllm", {"tp": "many", "max-model-len": "auto"}),
    ],
)  # fmt: skip
def test_what_may_work_is_not_refused(engine: str, configuration: dict) -> None:
    assert refusal(engine, configuration, gpus=None) is None
    assert refusal(engine, configuration, gpus=GpuFacts(count=0, memory=0)) is None


def test_weights_that_do_not_fit_are_told_with_the_arithmetic() -> None:
    assert refusal("sglang", {}, LLAMA_70B) == (
        "does not fit: weights 131.4 GiB + activations 1.6 GiB + CUDA graphs 0.50 GiB + CUDA and"
        " NCCL 2.3 GiB = 135.8 GiB of 79.1 GiB on each GPU"
    )
    assert refusal("sglang", {"tp": 2}, LLAMA_70B) is None
    assert refusal("sglang", {"quantization": "fp8"}, LLAMA_70B) is None
    assert refusal("sglang", {"cpu-offload-gb": 80}, LLAMA_70B) is None


def test_vllm_needs_room_for_one_request() -> None:
    refused = refusal("vllm", {}, gpus=ONE_4090)
    assert refused == (
        "does not fit: weights 15.0 GiB + KV cache 16.0 GiB + activations 0.20 GiB + CUDA graphs"
        " 0.03 GiB = 31.2 GiB on each GPU, more than gpu-memory-utilization 0.92 × 23.5 GiB ="
        " 21.6 GiB"
    )
    assert refusal("vllm", {"max-model-len": 32_768}, gpus=ONE_4090) is None
    assert refusal("vllm", {"max-model-len": "auto"}, gpus=ONE_4090) is None
    assert refusal("vllm", {"max-model-len": 65_536}, gpus=ONE_4090) is not None
    fp8 = {"max-model-len": 65_536, "kv-cache-dtype": "fp8"}
    assert refusal("vllm", fp8, gpus=ONE_4090) is None


def memory(engine: str, configuration: dict, gpus: GpuFacts = EIGHT_H100) -> MemoryEstimate:
    document = {"task_name": "t", "model": {"id_or_path": "m"}, "base_runtime": engine}
    task = Task.model_validate(document)
    known = ENGINES[engine].memory(task, Configuration(configuration), LLAMA_8B, gpus)
    assert known is not None
    return known


@pytest.mark.parametrize(
    ("engine", "configuration", "gpus", "graphs"),
    [
        # SGLang: 2 MiB for each request of the largest graph, by its memory_hook.py.
        ("sglang", {}, EIGHT_H100, 2 * 256),
        ("sglang", {"tp": 4}, EIGHT_H100, 2 * 512),
        ("sglang", {}, ONE_4090, 2 * 48),
        ("sglang", {"max-running-requests": 16}, EIGHT_H100, 2 * 16),
        ("sglang", {"cuda-graph-max-bs-decode": 1024}, EIGHT_H100, 2 * 1024),
        ("sglang", {"disable-cuda-graph": True}, EIGHT_H100, 0),
        ("sglang", {"cuda-graph-backend-decode": "disabled"}, EIGHT_H100, 0),
        # vLLM: at least 1 MiB for each of 1, 2, 4, 8, 16, 24, … 248, 256.
        ("vllm", {}, ONE_4090, 3 + 31 + 1),
        ("vllm", {"max-num-seqs": 16}, ONE_4090, 3 + 2),
        ("vllm", {"max-num-seqs": 512, "max-cudagraph-capture-size": 8}, ONE_4090, 3 + 1),
        ("vllm", {"max-num-seqs": 512}, EIGHT_H100, 3 + 31 + 17),
        ("vllm", {"enforce-eager": True}, ONE_4090, 0),
        ("vllm", {"compilation-config.cudagraph_mode": "NONE"}, ONE_4090, 0),
    ],
)
def test_cuda_graphs_are_counted(
    engine: str, configuration: dict, gpus: GpuFacts, graphs: int
) -> None:
    assert memory(engine, configuration, gpus).graphs == graphs * 2**20


@pytest.mark.parametrize(
    ("engine", "configuration", "tokens", "shards"),
    [
        ("sglang", {}, 8192, 1),
        ("sglang", {"chunked-prefill-size": -1, "tp": 2}, 2048, 2),
        ("vllm", {}, 2048, 1),
        ("vllm", {"max-num-batched-tokens": 16_384, "tp": 4}, 16_384, 4),
        ("vllm", {"max-num-seqs": 1, "max-model-len": 512}, 512, 1),
    ],
)
def test_activations_are_those_of_the_largest_batch(
    engine: str, configuration: dict, tokens: int, shards: int
) -> None:
    wanted = 2 * tokens * (2 * 4096 + 3 * 14_336 / shards)
    assert memory(engine, configuration).activations == wanted


def test_memory_that_vllm_is_given_for_its_cache_is_counted() -> None:
    assert memory("vllm", {"kv-cache-memory-bytes": "10G"}).kv_cache == 10 * GIB
    assert refusal("vllm", {"kv-cache-memory-bytes": "10G"}, gpus=ONE_4090) is not None


def test_llama_cpp_is_refused_only_where_it_may_not_shrink() -> None:
    whole = {"n-gpu-layers": 99, "ctx-size": 131_072}
    told = "weights 15.0 GiB + KV cache 16.0 GiB + activations 0.24 GiB = 31.2 GiB of 23.5 GiB"
    assert told in (refusal("llamacpp", whole, gpus=ONE_4090) or "")
    assert refusal("llamacpp", {"fit": "off"}, gpus=ONE_4090) is not None
    assert refusal("llamacpp", {}, gpus=ONE_4090) is None
    assert refusal("llamacpp", {**whole, "n-gpu-layers": 16}, gpus=ONE_4090) is None
    assert refusal("llamacpp", {"n-gpu-layers": 0, "ctx-size": 131_072}, gpus=ONE_4090) is None
    assert refusal("llamacpp", {**whole, "cache-type-k": "q4_0", "cache-type-v": "q4_0"},
                   gpus=ONE_4090) is None  # fmt: skip


def test_a_model_nothing_is_known_of_is_not_refused() -> None:
    for engine in ENGINES:
        assert refusal(engine, {}, None, ONE_4090, model="tiny") is None


@pytest.mark.parametrize(
    ("kind", "size_"), [(None, 2), ("auto", 2), ("fp8_e5m2", 1), ("q8_0", 1), ("int4_x", 0.5)]
)
def test_bytes_of_a_number_in_the_cache(kind: str | None, size_: float) -> None:
    assert cache_element(kind) == size_


def test_latent_attention_is_not_cut() -> None:
    deepseek = ModelFacts(format="huggingface", layers=61, latent=576)
    assert deepseek.kv_bytes_per_token(2.0, shards=8) == 61 * 576 * 2


def test_kv_heads_are_copied_where_they_cannot_be_cut() -> None:
    assert LLAMA_8B.kv_bytes_per_token(2.0, 1) == 2 * 32 * 8 * 128 * 2
    assert LLAMA_8B.kv_bytes_per_token(2.0, 16) == LLAMA_8B.kv_bytes_per_token(2.0, 8)


@given(
    weights=st.floats(0, 1e12), cache=st.floats(0, 1e12), total=st.floats(1, 1e12),
    share=st.none() | st.floats(0.01, 1),
)  # fmt: skip
def test_more_memory_never_makes_it_worse(
    weights: float, cache: float, total: float, share: float | None
) -> None:
    def fits(memory: float) -> bool:
        estimate = MemoryEstimate(
            weights=weights, kv_cache=cache, total=memory, share=share, share_flag="s"
        )
        return estimate.refusal is None

    assert fits(total * 2) or not fits(total)
    assert fits((weights + cache + RESERVE + 1) / (share or 1))


@pytest.mark.parametrize("name", ["sglang", "vllm", "llamacpp", "simulated"])
@pytest.mark.parametrize("gpus", [None, ONE_4090, EIGHT_H100])
@pytest.mark.parametrize("facts", [None, LLAMA_8B, LLAMA_70B])
def test_recommended_spaces_are_of_real_flags(
    name: str, gpus: GpuFacts | None, facts: ModelFacts | None
) -> None:
    engine = ENGINES[name]
    space = engine.recommended_space(facts, gpus)
    assert 8 <= len(space) <= 11
    assert engine.catalogue is not None
    for flag, choices in space.items():
        assert isinstance(choices, Choices)
        assert len(choices.values) > 1 or flag in {"tp-size", "tensor-parallel-size", "threads"}
        for value in choices.values:
            assert engine.catalogue.refuse(flag, value) is None, (flag, value)


@pytest.mark.parametrize(("facts", "sizes"), [(LLAMA_8B, (1, 2, 4)), (LLAMA_70B, (2, 4, 8))])
def test_gpus_are_recommended_from_what_holds_the_weights(
    facts: ModelFacts, sizes: tuple[int, ...]
) -> None:
    shards = ENGINES["vllm"].recommended_space(facts, EIGHT_H100)["tensor-parallel-size"]
    assert shards == Choices(values=sizes)


def test_the_simulated_engines_refusals_are_failures_of_its_start() -> None:
    """What is refused before the launch does fail in a launch; OOM under load is left to find."""
    for model in ("llama-3.1-8b", "qwen2.5-7b"):
        for flags in (
            {"tp-size": 3}, {"tp-size": 8, "dp-size": 2}, {"page-size": 64},
            {"gpu": "L4", "attention-backend": "fa3"}, {"context-length": 10**6},
            {"mem-fraction-static": 1.2}, {"gpu": "L4", "mem-fraction-static": 0.5},
            {"chunked-prefill-size": 1000, "page-size": 64},
        ):  # fmt: skip
            refused = refusal(
                "simulated", flags, ENGINES["simulated"].facts(_task(model)), None, model
            )
            words = [f"--{name}={value}" for name, value in flags.items()]
            started = launch(settle(parse_arguments(["--model", model, *words]))).ready
            assert started is (refused is None), (flags, refused)


def _task(model: str) -> Task:
    document = {"task_name": "t", "model": {"id_or_path": model}, "base_runtime": "simulated"}
    return Task.model_validate(document)


def test_the_defaults_of_an_ordinary_machine_are_allowed() -> None:
    for engine in ENGINES:
        facts = LLAMA_8B if engine != "simulated" else None
        assert refusal(engine, dict(DEFAULTS), facts, EIGHT_H100, "llama-3.1-8b") is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [("32k", 32_000), ("32K", 32_768), ("1.5k", 1500), (8, 8), ("auto", None), (True, None),
     (None, None), ("-1", None), ("4096", 4096)],
)  # fmt: skip
def test_sizes(written: object, meant: int | None) -> None:
    assert size(written) == meant  # type: ignore[arg-type]
