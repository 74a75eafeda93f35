import pytest

from core.engines.llamacpp import LlamaCpp
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
