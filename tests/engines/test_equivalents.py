import pytest

from core.engines.catalogue import Catalogue
from core.engines.equivalents import CONCEPTS, RENAMED

SGLANG, VLLM, LLAMACPP = (Catalogue.shipped(name) for name in ("sglang", "vllm", "llamacpp"))


@pytest.mark.parametrize("catalogue", [SGLANG, VLLM, LLAMACPP], ids=lambda c: c.engine)
def test_every_name_in_the_tables_is_one_of_the_engines(catalogue: Catalogue) -> None:
    ours = [getattr(concept, catalogue.engine) for concept in CONCEPTS]
    named = [name.split()[0] for name in (*ours, *RENAMED[catalogue.engine].values()) if name]
    assert [name for name in named if catalogue.find(name) is None] == []


@pytest.mark.parametrize("catalogue", [SGLANG, VLLM], ids=lambda c: c.engine)
def test_what_was_renamed_is_no_longer_known(catalogue: Catalogue) -> None:
    assert [old for old in RENAMED[catalogue.engine] if catalogue.find(old)] == []


@pytest.mark.parametrize(
    ("catalogue", "name", "flag"),
    [
        *[(SGLANG, name, "tp-size") for name in ("tp", "tp_size", "--tensor-parallel-size")],
        *[(VLLM, name, "tensor-parallel-size") for name in ("tp", "tp-size", "-tp")],
        (SGLANG, "mem_frac", "mem-fraction-static"),
        (VLLM, "mem-frac", "gpu-memory-utilization"),
        (VLLM, "dcp", "decode-context-parallel-size"),
        (SGLANG, "ep", "ep-size"),
        (VLLM, "compilation_config.cudagraph_mode", "compilation-config.cudagraph_mode"),
    ],
)
def test_a_short_name_finds_what_the_engine_calls_it(
    catalogue: Catalogue, name: str, flag: str
) -> None:
    found = catalogue.find(name)
    assert found is not None
    assert found.name == flag


@pytest.mark.parametrize(
    ("catalogue", "name", "told"),
    [
        (SGLANG, "max-num-seqs", "there it is max-running-requests"),
        (SGLANG, "gpu_memory_utilization", "there it is mem-fraction-static"),
        (SGLANG, "cuda-graph-max-bs", "there it is cuda-graph-max-bs-decode"),
        (VLLM, "chunked-prefill-size", "there it is max-num-batched-tokens"),
        (VLLM, "mem-fraction-static", "there it is gpu-memory-utilization"),
        (LLAMACPP, "max-model-len", "there it is ctx-size"),
        (SGLANG, "disable-radix-cash", "did you mean disable-radix-cache"),
        (VLLM, "compilation-confid.mode", "has no such flag"),
        (VLLM, "max-num-seqs.mode", "has no such flag"),
    ],
)
def test_a_flag_of_another_engine_is_named_by_its_right_name(
    catalogue: Catalogue, name: str, told: str
) -> None:
    refusal = catalogue.refuse(name, 1)
    assert refusal is not None
    assert told in refusal
    assert refusal.startswith(f"{catalogue.engine} {catalogue.version} has no such flag")
