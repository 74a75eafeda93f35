"""What servers say of themselves, held against what was asked."""

import pytest

from core.engines.in_force import InForce, differences
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
    assert differences(asked, engine.own_account(VLLM_PAGES), engine.catalogue) == told


def test_sglang_is_read_by_its_inner_names() -> None:
    engine = ENGINES["sglang"]
    page = {"version": "0.5.23", "tp_size": 2, "chunked_prefill_size": 2048}
    account = engine.own_account({"/server_info": page})
    assert account == InForce(version="0.5.23", arguments={**page})
    asked = {"tensor_parallel_size": 2, "chunked-prefill-size": 4096}
    assert differences(asked, account, engine.catalogue) == [
        "asked for chunked-prefill-size 4096, the server runs with 2048"
    ]


@pytest.mark.parametrize(
    ("installed", "known", "told"),
    [
        ("0.33.0", "0.32.0", True),
        ("0.32.0+cpu", "0.32.0", False),
        ("b10434", "b10434", False),
        ("b1", "b10434", False),
        (None, "0.32.0", False),
    ],
)
def test_another_version_than_the_flags_are_of_is_told(
    installed: str | None, known: str, told: bool
) -> None:
    assert (mismatch("vllm", installed, known) is not None) is told
