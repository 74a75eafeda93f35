import pytest

from core.engines.llamacpp import LlamaCpp
from core.engines.registry import ENGINES
from core.engines.signs import COMMON_SIGNS, diagnose
from core.events import FailureKind


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        ("server.py: error: unrecognized arguments: --bogus 1", "bad_flags", "know --bogus 1"),
        (
            "error: argument --kv-cache-dtype: invalid choice: 'fp16' (choose from 'auto')",
            "bad_flags",
            "'fp16' for --kv-cache-dtype",
        ),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to", "out_of_memory", "GPU ran out"),
        ("RuntimeError: Not enough memory. Please try to", "out_of_memory", "KV cache"),
        ("ValueError: No available memory for the cache blocks.", "out_of_memory", "KV cache"),
        ("OSError: [Errno 98] Address already in use", "environment", "port"),
        ("RuntimeError: NCCL error: unhandled system error", "environment", "NCCL"),
        ("RuntimeError: CUDA error: an illegal memory access", "environment", "CUDA"),
    ],
)
def test_a_telling_line_wherever_it_stands(line: str, kind: str, message: str) -> None:
    log = ["INFO starting", line, *["Traceback …"] * 50, "Engine core initialization failed."]
    failure = diagnose(log, COMMON_SIGNS, 1, FailureKind.CRASHED)
    assert failure.kind == kind
    assert message in failure.message
    assert failure.evidence == line
    assert failure.advice


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("error: invalid argument: --bogus", "bad_flags"),
        ('error while handling argument "--parallel": stoi', "bad_flags"),
        ("srv load_model: failed to create context with model 'x.gguf'", "out_of_memory"),
        ("E srv llama_server: couldn't bind HTTP server socket, port: 80", "environment"),
        ("E srv load_model: failed to load model, '/nope'", "environment"),
    ],
)
def test_what_llama_server_says(line: str, kind: str) -> None:
    assert diagnose([line], LlamaCpp.signs, 1, FailureKind.CRASHED).kind == kind


def test_the_most_telling_sign_wins_over_the_first() -> None:
    log = ["failed to load model", "error: unrecognized arguments: --x"]
    assert diagnose(log, COMMON_SIGNS, 1, FailureKind.CRASHED).kind == "bad_flags"


@pytest.mark.parametrize(
    ("exit_code", "kind", "message"),
    [
        (-9, "out_of_memory", "killed from outside"),
        (-4, "crashed", "SIGILL"),
        (-11, "crashed", "SIGSEGV"),
        (-40, "crashed", "signal 40"),
        (3, "crashed", "status 3"),
        (None, "start_timeout", "did not get ready"),
    ],
)
def test_without_a_sign_the_exit_speaks(exit_code: int | None, kind: str, message: str) -> None:
    failure = diagnose(["all is well", ""], COMMON_SIGNS, exit_code, FailureKind.START_TIMEOUT)
    assert failure.kind == kind
    assert message in failure.message
    assert failure.evidence == "all is well"


def test_an_empty_log_is_no_trouble() -> None:
    assert diagnose([], COMMON_SIGNS, 1, FailureKind.CRASHED).evidence == ""


def test_without_a_sign_the_first_exception_is_the_evidence() -> None:
    log = ["loading", "KeyError: 'odd'", "RuntimeError: Engine core initialization failed.", "bye"]
    assert diagnose(log, COMMON_SIGNS, 1, FailureKind.CRASHED).evidence == "KeyError: 'odd'"
    assert diagnose(["loading", "bye"], COMMON_SIGNS, 1, FailureKind.CRASHED).evidence == "bye"


@pytest.mark.parametrize(
    ("engine", "line", "kind", "message"),
    [
        ("vllm", "ValueError: No common block size for 16 (CPU_ATTN: [MultipleOf(32)]).",
         "bad_flags", "no block-size of 16"),
        ("vllm", ("  Value error, max_num_batched_tokens (64) is smaller than max_model_len (2048)."
         " This effectively"), "bad_flags", "cannot hold a prompt of 2048"),
        ("vllm", ("ValueError: To serve at least one request with the model's max seq len (131072),"
         " (16.00 GiB KV cache is needed, which is larger than the available KV cache memory"
         " (5.40 GiB). Based on"), "out_of_memory", "one request of 131072 tokens needs 16.00 GiB"),
        ("vllm", ("ValueError: Free memory on device cuda:0 (10.1/79.1 GiB) on startup is less than"
         " desired GPU memory utilization (0.92, 72.8 GiB). Decrease"), "out_of_memory",
         "10.1 of 79.1 GiB are free"),
        ("vllm", ("  Input should be less than or equal to 1 [type=less_than_equal,"
         " input_value=1.5, input_type=float]"), "bad_flags", "does not take 1.5"),
        ("vllm", ("ValueError: User-specified max_model_len (9000) is greater than the derived"
         " max_model_len (max_position_embeddings=8192.0 or"), "bad_flags", "ends at 8192"),
        ("sglang", "Exception: Capture cuda graph failed: CUDA out of memory. Tried to allocate",
         "out_of_memory", "while cuda graphs were captured"),
        ("sglang", "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.",
         "out_of_memory", "leave no memory for the KV cache"),
        ("sglang", "AssertionError: 8 is not divisible by 3", "bad_flags", "size of 8 cannot"),
        ("sglang", "ValueError: --kv-cache-dtype fp8_e5m2 is not supported on CPU.", "bad_flags",
         "fp8_e5m2 is not supported on CPU"),
        ("sglang", "RuntimeError: The memory capacity is unbalanced. Some GPUs may be occupied",
         "environment", "unequal free memory"),
        ("sglang", "ModuleNotFoundError: No module named 'sgl_kernel'", "environment",
         "not complete: No module named 'sgl_kernel'"),
        ("sglang", ("ValueError: Quantization method specified in the model config (awq) does not"
         " match the quantization method specified in the `quantization` argument (fp8)."),
         "bad_flags", "quantised as awq, and quantization asks for fp8"),
    ],
)  # fmt: skip
def test_what_sglang_and_vllm_say(engine: str, line: str, kind: str, message: str) -> None:
    log = ["INFO starting", line, "RuntimeError: Engine core initialization failed."]
    failure = diagnose(log, ENGINES[engine].signs, 1, FailureKind.CRASHED)
    assert failure.kind == kind
    assert message in failure.message
    assert failure.evidence == line.strip()
