"""Launches: what is logged, how long it takes, and why some fail. Memory is planned on the way."""

import pytest

from core.engines.signs import diagnose
from core.engines.simulated.arguments import parse_arguments, settle
from core.engines.simulated.engine import Simulated
from core.engines.simulated.startup import Launch, launch
from core.events import FailureKind

LLAMA = ("--model", "llama-3.1-8b", "--gpu", "A100-40GB")


def started(*flags: str) -> Launch:
    return launch(settle(parse_arguments(flags)))


def test_a_start_logs_what_engines_log() -> None:
    played = started(*LLAMA)
    log = [line.text for line in played.lines]
    assert played.ready
    assert "Simulated engine" in log[0]
    assert any(line.startswith("Loading weights") for line in log)
    assert any(line.startswith("Capture cuda graph begin") for line in log)
    assert log[-1] == "The server is fired up and ready to roll!"


@pytest.mark.parametrize(
    ("flags", "kind", "message"),
    [
        (("--mem-fraction-static", "0.3"), FailureKind.OUT_OF_MEMORY, "no memory was left for"),
        (("--mem-fraction-static", "0.99"), FailureKind.OUT_OF_MEMORY, "GPU ran out of memory"),
        (("--mem-fraction-static", "0.975"), FailureKind.OUT_OF_MEMORY, "while CUDA graphs"),
        (("--mem-fraction-static", "1.2"), FailureKind.BAD_FLAGS, "is a share"),
        (("--tp-size", "3"), FailureKind.BAD_FLAGS, "32 attention heads cannot be shared out to 3"),
        (("--tp-size", "16"), FailureKind.BAD_FLAGS, "16 GPUs are needed, and the machine has 8"),
        (("--page-size", "3"), FailureKind.BAD_FLAGS, "4096 tokens is no whole number of pages"),
        (("--attention-backend", "fa3"), FailureKind.BAD_FLAGS, "fa3 does not run on a A100-40GB"),
        (("--context-length", "500000"), FailureKind.BAD_FLAGS, "context ends at 131072 tokens"),
    ],
)
def test_a_failed_start_tells_why(flags: tuple[str, ...], kind: FailureKind, message: str) -> None:
    played = started(*LLAMA, *flags)
    assert not played.ready
    log = [line.text for line in played.lines]
    failure = diagnose(log, Simulated.signs, 1, FailureKind.CRASHED)
    assert failure.kind is kind
    assert message in failure.message
    assert failure.advice


def test_a_model_that_does_not_fit_runs_out_of_memory_while_it_loads() -> None:
    played = started("--model", "llama-3.1-70b", "--gpu", "A100-80GB")
    log = [line.text for line in played.lines]
    assert "CUDA out of memory" in log[-2]
    assert not any(line.startswith("KV Cache") for line in log)


def test_more_gpus_hold_a_larger_model_and_a_larger_cache() -> None:
    tokens = []
    for shards in ("2", "4", "8"):
        played = started("--model", "llama-3.1-70b", "--gpu", "H100-80GB", "--tp", shards)
        tokens.append(played.memory.kv_tokens)
    assert tokens == sorted(tokens)
    assert tokens[0] < 10_000 < tokens[1]


def test_an_fp8_cache_holds_twice_the_tokens_and_fp8_weights_leave_it_room() -> None:
    plain = started(*LLAMA).memory
    halved = started(*LLAMA, "--kv-cache-dtype", "fp8_e5m2").memory
    quantized = started(*LLAMA, "--quantization", "fp8").memory
    assert halved.kv_tokens == pytest.approx(2 * plain.kv_tokens, rel=1e-4)
    assert halved.kv_cache == pytest.approx(plain.kv_cache, rel=1e-4)
    assert quantized.weights < 0.6 * plain.weights
    assert quantized.kv_tokens > plain.kv_tokens


def test_more_shards_than_heads_copy_the_cache() -> None:
    def bytes_per_token(shards: str) -> float:
        memory = started("--model", "qwen2.5-7b", "--tp", shards).memory
        return memory.kv_cache / memory.kv_tokens

    assert bytes_per_token("2") == bytes_per_token("1") / 2
    assert bytes_per_token("4") == bytes_per_token("1") / 4
    assert not started("--model", "qwen2.5-7b", "--tp", "8").ready
    tiny = [started("--model", "tiny", "--tp", shards).memory for shards in ("4", "8")]
    assert len({memory.kv_cache // memory.kv_tokens for memory in tiny}) == 1


def test_the_cache_holds_whole_pages_and_no_more_than_asked_for() -> None:
    played = started(*LLAMA, "--page-size", "64", "--max-total-tokens", "10000")
    assert played.memory.kv_tokens == 9984
    assert played.longest_request == 9984


def test_large_chunks_outgrow_what_the_cache_leaves() -> None:
    played = started(*LLAMA, "--mem-fraction-static", "0.93", "--chunked-prefill-size", "8192")
    assert played.ready
    played.memory.check_step(2048, 1)
    with pytest.raises(Exception, match="CUDA out of memory"):
        played.memory.check_step(8192, 1)


def test_compiling_and_capturing_make_a_slow_start() -> None:
    plain = started(*LLAMA).seconds
    assert started(*LLAMA, "--disable-cuda-graph").seconds < plain
    assert started(*LLAMA, "--cuda-graph-max-bs", "256").seconds > plain
    assert started(*LLAMA, "--enable-torch-compile").seconds > plain + 60


def test_no_graph_is_captured_for_more_requests_than_may_run() -> None:
    plain, few = started(*LLAMA), started(*LLAMA, "--max-running-requests", "4")
    assert few.memory.graphs < plain.memory.graphs
    assert few.seconds < plain.seconds
    assert started(*LLAMA, "--cuda-graph-max-bs", str(10**12)).settings.cuda_graph_max_bs == 4096


def test_the_running_batch_is_as_large_as_asked_for() -> None:
    assert started(*LLAMA, "--max-running-requests", "7").max_running_requests == 7
    assert started(*LLAMA).max_running_requests == 2048


def test_an_unsupported_cache_type_changes_the_backend_and_says_so() -> None:
    played = started("--model", "tiny", "--gpu", "H100-80GB", "--kv-cache-dtype", "fp8_e5m2")
    assert played.settings.attention_backend == "triton"
    assert any("Setting attention backend to triton" in line.text for line in played.lines)
