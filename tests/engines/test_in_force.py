"""What servers say of themselves, held against what was asked."""

import pytest

from core.engines.in_force import InForce, compared
from core.engines.registry import ENGINES
from core.engines.scanning import mismatch

VLLM_PAGES = {
    "/version": {"version": "0.32.0"},
    "/server_info": {
        "vllm_config": {
            "model_config": {
                "max_model_len": 2048,
                "enforce_eager": True,
                "dtype": "torch.float16",
            },
            "scheduler_config": {"max_num_seqs": 8, "policy": "fcfs", "max_model_len": 1024},
            "cache_config": {
                "cache_dtype": "fp8",
                "block_size": 32,
                "gpu_memory_utilization": 0.92,
            },
            "instance_id": "x",
        }
    },
}


def test_vllms_account() -> None:
    account = ENGINES["vllm"].own_account(VLLM_PAGES)
    assert account.version == "0.32.0"
    assert account.arguments["max_num_seqs"] == 8
    assert account.arguments["kv_cache_dtype"] == "fp8"
    assert account.arguments["max_model_len"] == 2048


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("page", [None, [], "x", {}, {"vllm_config": "text"}, {"version": None}])
def test_strange_pages_break_nothing(name: str, page: object) -> None:
    engine = ENGINES[name]
    engine.own_account({path.partition("?")[0]: page for path in engine.info_paths})


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"max-num-seqs": 16}, ["asked for max-num-seqs 16, the server runs with 8"]),
        ({"max_num_seqs": "8", "kv-cache-dtype": "fp8", "enforce-eager": True}, []),
        ({"max-model-len": "2K", "scheduling-policy": "fcfs"}, []),
        ({"gpu-memory-utilization": 0.92}, []),
        ({"block-size": 16}, ["asked for block-size 16, the server runs with 32"]),
        ({"enforce-eager": False}, ["asked for enforce-eager false, the server runs with true"]),
        ({"kv-cache-dtype": "auto", "max-num-seqs": None, "seed": 4}, []),
    ],
)  # fmt: skip
def test_a_flag_that_was_dropped_in_silence_is_told(asked: dict, told: list[str]) -> None:
    engine = ENGINES["vllm"]
    account = engine.own_account(VLLM_PAGES)
    found = compared(asked, (), account, engine.catalogue)
    assert [argument.told for argument in found if argument.differs] == told
    assert [argument.flag for argument in found] == list(asked)


def test_what_the_engine_chose_for_a_flag_that_was_left_out_is_told() -> None:
    engine = ENGINES["vllm"]
    account = engine.own_account(VLLM_PAGES)
    varied = ("block_size", "max-num-seqs", "swap-space")
    found = compared({"max_num_seqs": 8}, varied, account, engine.catalogue)
    assert [(a.flag, a.asked, a.in_force, a.differs) for a in found] == [
        ("max_num_seqs", 8, 8, False),
        ("block_size", None, 32, False),
    ]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"parallel": 3, "ctx-size": 512}, ["asked for parallel 3, the server runs with 1"]),
        ({"parallel": 1, "ctx-size": 4096}, ["asked for ctx-size 4096, the server runs with 512"]),
        ({"parallel": -1, "ctx-size": 0}, []),
    ],
)
def test_llama_cpps_account(asked: dict, told: list[str]) -> None:
    engine = ENGINES["llamacpp"]
    props = {
        "total_slots": 1,
        "build_info": "b1-7e4c0a9",
        "default_generation_settings": {"n_ctx": 512},
    }
    account = engine.own_account({"/props": props})
    found = compared(asked, (), account, engine.catalogue)
    assert [argument.told for argument in found if argument.differs] == told


def test_of_several_slots_llama_cpp_does_not_tell_whether_they_share_a_context() -> None:
    props = {"total_slots": 3, "default_generation_settings": {"n_ctx": 256}}
    assert ENGINES["llamacpp"].own_account({"/props": props}).arguments == {"parallel": 3}


def test_sglang_is_read_by_its_inner_names() -> None:
    engine = ENGINES["sglang"]
    page = {"version": "0.5.23", "tp_size": 2, "chunked_prefill_size": 2048}
    account = engine.own_account({"/server_info": page})
    assert account == InForce(version="0.5.23", arguments={**page})
    asked = {"tensor_parallel_size": 2, "chunked-prefill-size": 4096}
    found = compared(asked, (), account, engine.catalogue)
    assert [argument.told for argument in found if argument.differs] == [
        "asked for chunked-prefill-size 4096, the server runs with 2048"
    ]


@pytest.mark.parametrize(
    ("installed", "known", "told"),
    [
        ("0.33.0", "0.32.0", True),
        ("0.32.0+cpu", "0.32.0", False),
        ("b10434", "b10434", False),
        ("b10434-7e4c0a9", "b10434", False),
        ("b1", "b10434", False),
        (None, "0.32.0", False),
    ],
)
def test_another_version_than_the_flags_are_of_is_told(
    installed: str | None, known: str, told: bool
) -> None:
    assert (mismatch("vllm", installed, known) is not None) is told
